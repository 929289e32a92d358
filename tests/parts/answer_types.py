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


INTERFACES = {
    name: {
        member: Member(kind, bool(optional))
        for member, optional, kind in re.findall(r"^  (\w+)(\?)?: (.+);$", body, re.MULTILINE)
    }
    for name, body in re.findall(
        r"^export interface (\w+)(?:<\w+>)? \{\n(.*?)^\}", TEXT, re.MULTILINE | re.DOTALL
    )
}
PATHS = {
    path: kind.split(" | ")
    for path, kind in re.findall(r'^  "(/api/[\w-]+)": (.+);$', TEXT, re.MULTILINE)
}
"""The interfaces of the answer of each path."""


def interface_of(kind: str) -> str | None:
    """Return the interface that a member is, or that its elements are."""
    name = kind.removesuffix(" | null").removesuffix("[]")
    return name if name in INTERFACES else None
