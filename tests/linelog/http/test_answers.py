"""The types of answers that the page is checked with, beside the documentation and Python's tables."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from logsrv.linelog.http.endpoints import (
    PANEL_SHAPES,
    PANEL_TIMES,
    PANEL_WIDTHS,
    SAVED_PARTS,
)
from logsrv.linelog.http.readers.reader import Reader
from tests.parts.answer_types import INTERFACES, PATHS, interface_of

PAGE = (Path(__file__).parents[3] / "docs/http.md").read_text()
EXAMPLES: dict[str, str] = {}
for path, example in re.findall(r"^GET (/api/\w+).*\n(\{.*)$", PAGE, re.MULTILINE):
    # A later example of the same path is a refusal.
    EXAMPLES.setdefault(path, example)
# An answer of lines, not of one object.
TYPES = PATHS | {"/api/search": ["Line"]}
# Tests of their folders compare them with real answers: they have no example in the documentation.
ELSEWHERE = {"/api/me", "/api/silences", "/api/would_fire"}

Members = dict[tuple[str, ...], set[str]]


def members_of(example: str) -> Members:
    """Return the names of members in an example, by where they are. It may have `…` for values."""
    found: Members = defaultdict(set)
    place: list[str] = []
    name = ""
    for key, bracket in re.findall(r'"((?:[^"\\]|\\.)*)"\s*:|"(?:[^"\\]|\\.)*"|([{}])', example):
        if bracket == "{":
            place.append(name)
        elif bracket == "}":
            place.pop()
        elif key:
            name = key
            found[tuple(place[1:])].add(key)
    return found


def compare(interface: str, members: Members, place: tuple[str, ...], is_whole: bool) -> None:
    declared, shown = INTERFACES[interface], members[place]
    assert shown <= set(declared), (interface, shown - set(declared))
    if is_whole:
        needed = {name for name, member in declared.items() if not member.is_optional}
        assert needed <= shown, (interface, needed - shown)
    for name in shown:
        inner = interface_of(declared[name].kind)
        if inner and members.get((*place, name)):
            compare(inner, members, (*place, name), is_whole)


def test_the_documentation_has_an_example_of_each_answer():
    assert set(TYPES) - set(EXAMPLES) == ELSEWHERE


@pytest.mark.parametrize("path", sorted(set(TYPES) - ELSEWHERE))
def test_an_answer_has_the_members_of_its_example_in_the_documentation(path):
    [interface] = TYPES[path]
    example = EXAMPLES[path]
    compare(interface, members_of(example), (), "…}" not in example)


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_member_is_named_in_the_documentation(interface):
    named = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r'"(\w+)": ?', PAGE))
    assert set(INTERFACES[interface]) <= named


def test_saved_searches_and_boards_have_the_parts_that_the_server_keeps():
    assert set(SAVED_PARTS) | {"name", "error", "template"} == set(INTERFACES["SavedSearch"])
    panel = INTERFACES["SavedPanel"]
    for member, choices in (("as", PANEL_SHAPES), ("time", PANEL_TIMES), ("width", PANEL_WIDTHS)):
        assert panel[member].kind == " | ".join(f'"{one}"' for one in choices)


def test_a_reader_is_told_what_the_page_reads():
    assert {*Reader().document(), "log_out"} == set(INTERFACES["Me"])


def test_a_member_that_only_one_of_both_has_is_found():
    members = members_of('{"segments": 1, "lines": [{"weight": …}], "position": "1:…"}')
    assert members == {(): {"segments", "lines", "position"}, ("lines",): {"weight"}}
    unknown = members_of('{"fields":[{"name":"x","lines":2,"weight":1}],"sampled":1}')
    with pytest.raises(AssertionError, match="weight"):
        compare("Fields", unknown, (), False)
    with pytest.raises(AssertionError, match="sampled"):
        compare("Fields", members_of('{"fields":[]}'), (), True)
