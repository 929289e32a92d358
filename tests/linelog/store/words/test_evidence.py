"""The evidence that a literal gives, and what it must not claim."""

import pytest

from logsrv.linelog.store.words.evidence import LetterRun, evidence, folded


@pytest.mark.parametrize(
    ("literal", "runs"),
    [
        (b"imeou", [LetterRun(b"imeou", False, False)]),
        (b" Timeout:", [LetterRun(b"timeout", True, True)]),
        (b"user=bob", [LetterRun(b"user", False, True), LetterRun(b"bob", True, False)]),
        (b"max_size", [LetterRun(b"max{size", False, False)]),
    ],
)
def test_letters_are_a_run_open_where_the_literal_ends(literal, runs):
    assert list(evidence(literal).runs) == runs


@pytest.mark.parametrize(
    ("literal", "windows"),
    [
        (b"4bf92f3577b34da6a3ce929d0e0e4736", 28),
        (b"c8cd3af1-2ac5-357b-a01c-a9423d31b097", 12),
        (b"DEADBEEF", 4),
        (b"10.23.45.67", 10),
        (b"fe80::1ff:fe23", 12),
        ("Größe".encode(), 3),
        (b"host17", 2),
    ],
)
def test_ids_and_addresses_have_windows(literal, windows):
    found = evidence(literal)
    assert len(found.ids) + len(found.others) == windows


@pytest.mark.parametrize(
    "literal",
    [
        b"",
        b"ab",
        b"500",
        b"dead",
        b"{}",
        b" - ",
        b"a\nlong enough",
        b"12:18",
        b"2026-11-20T06:18:42",
    ],
)
def test_a_literal_that_the_index_cannot_decide_has_no_evidence(literal):
    assert not evidence(literal)


def test_a_part_that_may_lie_in_the_time_of_a_line_is_no_evidence():
    """Times are not indexed, so `123456` may stand in a frame that the index knows nothing of."""
    assert not evidence(b"23456")
    assert not evidence(b":42.123456Z ")
    assert not evidence(b"42.123456Z tc")
    assert evidence(b"42.123456Z tcp:") == evidence(b" tcp:")
    assert evidence(b"1234567")


def test_upper_and_lower_case_have_the_same_evidence():
    assert evidence(b"TimeOut 4BF92F") == evidence(b"timeout 4bf92f")
    assert folded(b"A_{") == b"a{_"
