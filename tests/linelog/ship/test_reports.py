"""The reports of a target's process: what is written is what is read, and faults are sentences."""

from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.ship.reports import (
    FaultReport,
    GapFound,
    ShipReport,
    TargetDown,
    TextResent,
    Trouble,
    decode_report,
    encode_report,
    report_sentence,
)
from logsrv.linelog.store.segment import NOWHERE, Position

NUMBERS = st.integers(0, 1 << 50)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "position": st.builds(Position, NUMBERS, NUMBERS),
    "until": NUMBERS,
    "bytes": NUMBERS,
    "lines": NUMBERS | st.text(),
    "missed": st.none() | NUMBERS,
    "seconds": st.floats(allow_nan=False),
    "why": st.text(),
    "reason": st.text(),
    "promise": st.text(),
}


def reports(kind: type[attrs.AttrsInstance]) -> st.SearchStrategy[attrs.AttrsInstance]:
    """Reports of a class."""
    return st.builds(kind, **{field.name: VALUES[field.name] for field in attrs.fields(kind)})


@given(st.one_of(*map(reports, get_args(ShipReport))))
def test_a_report_of_each_class_survives_being_written_and_read(report):
    line = encode_report(report)
    found = decode_report(line)
    assert b"\n" not in line and found == report and type(found) is type(report)
    assert isinstance(getattr(found, "position", NOWHERE), Position)


@given(st.one_of(*map(reports, get_args(FaultReport))))
def test_each_fault_is_a_sentence_with_its_reason(report):
    assert getattr(report, "why", "removed from the store") in report_sentence(report)


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (GapFound(7, 2), "7 bytes in 2 lines were removed from the store before they were sent"),
        (
            GapFound(None, 0),
            "an unknown number of bytes of lines were removed from the store before they were sent",
        ),
        (TextResent("it had all", Position(1, 0), 7), "it had all; 7 bytes are sent again"),
        (TargetDown("no route"), "no route"),
        (Trouble("odd"), "odd"),
    ],
)
def test_the_sentence_of_a_fault_names_the_size_of_the_text(report, sentence):
    assert report_sentence(report) == sentence
