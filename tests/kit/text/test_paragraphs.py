"""Texts of the help: paragraphs, and parts that stand as they are."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.paragraphs import paragraphs, wrap_for_terminal

TEXT = """\
A first
paragraph.
Its end.

Examples:
  one  two

    three
And more.
"""


def test_indented_parts_stay_as_they_are():
    assert list(paragraphs(TEXT)) == [
        (False, "A first paragraph. Its end."),
        (False, "Examples:"),
        (True, "one  two\n\n  three"),
        (False, "And more."),
    ]


def test_paragraphs_are_wrapped_and_words_stay_whole():
    assert wrap_for_terminal(TEXT, 12).startswith(
        "A first\nparagraph.\nIts end.\n\nExamples:\n\n  one  two\n"
    )
    assert wrap_for_terminal("see https://example.org/a-b", 8) == "see\nhttps://example.org/a-b\n"
    assert wrap_for_terminal("", 80) == ""


@given(st.text(alphabet="ab .\n\t", max_size=60))
def test_no_word_is_lost(text):
    assert wrap_for_terminal(text, 20).split() == text.split()
