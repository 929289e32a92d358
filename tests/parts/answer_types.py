"""The types of answers of the API that the page is checked with: `answers.d.ts`, read as text."""

import re
from pathlib import Path
from typing import NamedTuple

from logsrv.linelog.http import assets

TEXT = Path(assets.__file__).with_name("answers.d.ts").read_text()


class Member(NamedTuple):
    """A member of an interface, by its type in TypeScript."""

    kind: str
    is_optional: bool


def _members_in(text: str, pattern: str) -> dict[str, Member]:
    found = re.findall(pattern, text, re.MULTILINE)
    return {name: Member(kind, bool(optional)) for name, optional, kind in found}


INTERFACES = {
    name: _members_in(body, r"^  (\w+)(\?)?: (.+);$")
    for name, body in re.findall(
        r"^export interface (\w+)(?:<\w+>)? \{\n(.*?)^\}", TEXT, re.MULTILINE | re.DOTALL
    )
}
ALIASES = dict(re.findall(r"^export type (\w+) = (.+);$", TEXT, re.MULTILINE))
"""The types that are a name for another one."""
PATHS = {
    path: kind.split(" | ")
    for path, kind in re.findall(r'^  "(/api/[\w-]+)": (.+);$', TEXT, re.MULTILINE)
}
"""The interfaces of the answer of each path."""


def interface_of(kind: str) -> str | None:
    """Return the interface that a member is, or that its elements are."""
    name = kind.removesuffix(" | null").removesuffix("[]")
    return name if name in INTERFACES else None


def interfaces_in(kind: str) -> list[dict[str, Member]]:
    """Return the members of each object that a member, or an element of it, may be."""
    if kind.startswith("{"):
        return [_members_in(kind.strip("{ }"), r"(\w+)(\?)?: ([^;]+)")]
    return [INTERFACES[word] for word in re.findall(r"\w+", kind) if word in INTERFACES]
