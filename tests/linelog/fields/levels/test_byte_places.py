"""Places in arrays are those that NumPy's own functions find."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.levels.byte_places import (
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)


@given(st.lists(st.integers(0, 2000)), st.integers(0, 2001))
def test_few_true_places_are_found(true, size):
    found = numpy.zeros(size, bool)
    found[[place for place in true if place < size]] = True
    assert indexes_of_true(found).tolist() == numpy.flatnonzero(found).tolist()


@pytest.mark.parametrize("every", [1, 3, 9, 30, 300])
@pytest.mark.parametrize("size", [0, 1, 7, 64, 6401])
def test_many_true_places_are_found(size, every):
    found = numpy.arange(size) % every == 0
    assert indexes_of_true(found).tolist() == numpy.flatnonzero(found).tolist()


def test_windows_are_rows_of_bytes_at_places():
    raw = numpy.frombuffer(b"abcdefgh", numpy.uint8)
    assert [bytes(row) for row in rows_at(raw, numpy.array([4, 0]), 3)] == [b"efg", b"abc"]


def test_rows_with_a_true_byte_are_found():
    rows = numpy.zeros((4, 16), bool)
    rows[1, 3] = rows[3, 15] = True
    assert rows_with_nonzero(rows).tolist() == [False, True, False, True]


def test_a_table_is_true_for_its_members():
    assert numpy.flatnonzero(byte_membership_table(b"az")).tolist() == [ord("a"), ord("z")]


def test_rows_that_begin_with_a_shape():
    texts = (b"[07/Nov]xx", b"[17/Dec]..", b"[1a/Nov]  ", b"[07/Nov}  ")
    rows = numpy.frombuffer(b"".join(texts), numpy.uint8).reshape(len(texts), -1)
    assert RowShape(b"[00/???]").matching_rows(rows).tolist() == [True, True, False, False]
    assert RowShape(b"[00/?").matching_rows(rows).tolist() == [True, True, False, True]
    assert RowShape(b"[00/").matching_rows(rows[:0]).tolist() == []
