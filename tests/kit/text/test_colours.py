"""Escape sequences of terminals are left out of a text, but for those inside words."""

import re

import pytest

from logsrv.kit.text.colours import text_without_colours, without_colours


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("E[31mERRORE[0m x", "ERROR x"),
        ("aE[1mb", "aE[1mb"),
        ("aE[1m b", "a b"),
        ("a E[1mb", "a b"),
        ("aE[1m:b", "aE[1m:b"),
        ("aE[1m: b", "a: b"),
        ("aE[1m", "a"),
        ("E[1mE[2;3m", ""),
        ("x E", "x "),
        ("E]8;;http://xE\\textE]8;;E\\ y", "text y"),
        ("E]8;;never ended", "8;;never ended"),
        ("E[", ""),
        ("E[38;5;40mx", "x"),
        ("EE[31mx", "x"),
        ("E[1E[0mx", "x"),
        ("éE[1mé", "éE[1mé"),
    ],
)
@pytest.mark.parametrize("escape", ["\\x1b", "\x1b"])
def test_sequences_beside_words_are_left_out(text, plain, escape):
    given, wanted = (one.replace("E[", "\x1b[").replace("E]", "\x1b]").replace("E\\", "\x1b\\")
                     for one in (text, plain))  # fmt: skip
    given = re.sub("E(?=\x1b|$)", "\x1b", given)
    if escape != "\x1b":
        given, wanted = (one.replace("\x1b", escape) for one in (given, wanted))
    assert without_colours(given.encode()).decode() == wanted


@pytest.mark.parametrize("text", [rb"\\x1b[31m", rb"a \\x1b", rb'{"a":"\\x1b"}', rb"\\\x1b[1m x"])
def test_a_code_behind_a_backslash_is_text(text):
    assert without_colours(text) == text


def test_a_value_of_json_has_the_character():
    assert text_without_colours("\x1b[31merror\x1b[39m") == "error"
    assert text_without_colours("\udc80 \x1b[1mx") == "\udc80 x"


@pytest.mark.slow
def test_millions_of_sequences_take_no_square_of_time():
    for text in (
        rb"a\x1b[1m" * 200_000,
        rb"\x1b[m" * 200_000 + b"a",
        rb"\x1b]" * 200_000,
        b"a" + rb"\x1b[m" * 200_000 + b"a",
    ):
        without_colours(text)
        without_colours(text.replace(rb"\x1b", b"\x1b"))
