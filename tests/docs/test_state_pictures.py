"""The tables of states hold together, and their pictures show them."""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent.parent
PICTURED = runpy.run_path(str(ROOT / "docs" / "state_pictures.py"))
TABLES = PICTURED["TABLES"]
# Module and name of each table that rules do not connect with others.
ALONE = [(module, names[0]) for _, module, names in TABLES.values() if len(names) == 1]
# What advances a state: `_advance("event")`, perhaps later, or a look into the table.
ADVANCES = re.compile(
    r"\._(?:advance\w*|change_state)\b[(, ]*(.*?)\)\n|NEXT\[self\._state\]\[(\"\w+\")\]"
)

Rows = Mapping[str, Mapping[str, str]]


def reached(rows: Rows) -> set[str]:
    """Walk through a table from its first state by all events; return the states."""
    ahead = [next(iter(rows))]
    for state in ahead:
        ahead += [one for one in rows[state].values() if one not in ahead]
    return {*ahead}


@pytest.mark.parametrize(("module", "name"), ALONE)
def test_a_walk_through_a_table_reaches_every_state_and_can_end_from_each(module, name):
    rows = PICTURED["rows_of"](module, name)
    assert reached(rows) == {*rows}
    lasts = {state for state, row in rows.items() if {*row.values()} <= {state}}
    assert lasts
    for state in rows:
        from_there = {state: rows[state], **rows}
        assert reached(from_there) & lasts, state


@pytest.mark.parametrize(("module", "name"), ALONE)
def test_the_events_of_a_table_are_those_of_its_class(module, name):
    """An event that nobody sends, or that the table does not know, is a slip."""
    rows = PICTURED["rows_of"](module, name)
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text()
    said = " ".join("".join(found) for found in ADVANCES.findall(source))
    events = {event for row in rows.values() for event in row}
    assert {*re.findall(r'"(\w+)"', said)} == events


@pytest.mark.parametrize("name", TABLES)
def test_a_picture_shows_each_state_and_each_event_and_is_linked(name):
    _, module, tables = TABLES[name]
    drawn = PICTURED["PICTURES"][f"pictures/states-{name}.svg"]()
    words = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
    for table in tables:
        for state, row in PICTURED["rows_of"](module, table).items():
            assert state in words
            assert all(event in words or f"({event} changes nothing)" in words for event in row)
    assert f"(pictures/states-{name}.svg)" in (ROOT / "docs" / "architecture.md").read_text()
