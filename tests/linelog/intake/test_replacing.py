"""Replacements of matches are the same, whether pieces are joined or NumPy writes over the text."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.intake.replacing import replace_spans
from tests.parts.examples import more

AROUND = st.sampled_from(
    [
        b" ",
        b"x",
        b"\n",
        b'"card":',
        b'{"card": ',
        b'"a\\":',
        b"},",
        b"}",
        b" ,",
        b"  }",
        b'":  ',
        b":",
        b'"',
    ]
)
LENGTHS = st.sampled_from([8, 9, 10, 12, 14, 16, 16, 16, 18, 24, 36])


@more(8)
@given(
    st.lists(st.tuples(st.lists(AROUND, min_size=1, max_size=5), LENGTHS), min_size=1, max_size=12),
    st.sampled_from([b"", b'x":\n', b'{"n":\n', b"a line before\n"]),
    st.sampled_from([b"", b'half a line "']),
)
def test_text_that_is_written_over_is_what_joined_pieces_are(parts, before, behind):
    text, begins, ends = before, [], []
    for around, length in parts:
        text += b"".join(around)
        begins.append(len(text))
        text += b"4" * length
        ends.append(len(text))
    stop = len(text) + 1
    text += b"\n" + behind
    arrays = numpy.array(begins), numpy.array(ends)
    assert replace_spans(text, len(before), stop, arrays) == replace_spans(
        text, len(before), stop, (begins, ends)
    )


@pytest.mark.parametrize("length", [8, 9, 10, 12, 16, 24, 32, 36])
@pytest.mark.parametrize("gap", [1, 2, 3, 4, 7, 8, 9])
def test_matches_near_each_other_are_replaced_whatever_their_length(length, gap):
    text = (b"4" * length + b"-" * gap) * 9 + b"\n"
    begins = numpy.arange(9) * (length + gap)
    assert replace_spans(text, 0, len(text), (begins, begins + length)) == (
        (b"(masked)" + b"-" * gap) * 9 + b"\n",
        9 * length,
    )


@pytest.mark.parametrize("beginning", [b"", b":", b'":', b'k":', b'"k":'])
def test_a_key_at_the_beginning_of_a_text_has_to_be_whole(beginning):
    text = beginning + b"4" * 16 + b"}\n" + b'half a line "'
    stop, begin = text.index(b"\n") + 1, len(beginning)
    is_value = len(beginning) > 2
    replaced = b'"(masked)"' if is_value else b"(masked)"
    for spans in ([begin], [begin + 16]), (numpy.array([begin]), numpy.array([begin + 16])):
        assert replace_spans(text, 0, stop, spans) == (beginning + replaced + b"}\n", 16)
