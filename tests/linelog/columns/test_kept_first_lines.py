"""First lines that an index keeps, of frames that are read together: those that the text has."""

import struct
import zlib
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.columns.kept_first_lines import kept_first_lines
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from tests.parts.disks import stored
from tests.parts.examples import more
from tests.parts.trace_lines import random_lines

HEAD = b"<11>Nov 20 06:18:42 web1 shop[7]: cannot post"
INSIDE = b"\tat x.Y.z(Y.java:3)"


def index_of(texts: list[bytes], before: bytes = b"") -> index.Index:
    made, earlier = indexing.Indexer(1), EarlierTexts()
    earlier.add(StampedLines(before))
    for text in texts:
        made.add(indexing.scan_frame(text, len(text), earlier), b"compressed")
    return index.decode_index(indexing.encode_index(made.index_so_far()))


@pytest.mark.slow
@more(4)
@given(st.integers(0, 2**32 - 1))
def test_frames_read_together_have_the_first_lines_of_their_text(seed):
    random = Random(seed)
    before, lines = stored(b"ERROR before", *[INSIDE] * 2), random_lines(random, 60)
    cuts = [0, *sorted(random.sample(range(1, 60), 4)), 60]
    texts = [b"".join(lines[begin:end]) for begin, end in pairwise(cuts)]
    made = index_of(texts, before)
    for first in range(len(texts)):
        for stop in range(first + 1, len(texts) + 1):
            text = StampedLines(b"".join(texts[first:stop]))
            earlier = EarlierTexts()
            for one in (before, *texts[:first]):
                earlier.add(StampedLines(one))
            wanted = first_lines(text, earlier)
            found = kept_first_lines(made, first, texts[first:stop], text)
            if found is None:
                assert None in made.continuations[first:stop]
                continue
            assert found == wanted
            rows, codes, heads, begins = StampedLines(text.text, found).going_on()
            for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
                begin = int(begins[code])
                assert wanted[int(text.starts[row])] == heads[code]
                assert begin < 0 or text.text.startswith(heads[code] + b"\n", begin)


def kept(*numbers: int, before: bytes = b"") -> bytes:
    """What an index keeps, with these numbers of four bytes."""
    data: bytes = struct.pack(f"<{len(numbers) - 3}I", *numbers[3:])
    by_byte = b"".join(data[byte::4] for byte in range(4))
    return zlib.compress(struct.pack("<3I", *numbers[:3]) + by_byte + before)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(kept(1, 0, 1, 0, 9, 0, 0), id="more lines than there are"),
        pytest.param(kept(1, 0, 1, 7, 1, 0, 0), id="no beginning of a line"),
        pytest.param(kept(2, 0, 1, 0, 0, 2, 1, 0, 0, 0), id="runs over each other"),
        pytest.param(kept(1, 0, 1, 9999, 1, 0, 0), id="behind the text"),
    ],
)
def test_an_index_of_other_lines_is_not_believed(told):
    text = stored(HEAD, INSIDE, INSIDE)
    made = index_of([text])._replace(continuations=(told,))
    assert kept_first_lines(made, 0, [text], StampedLines(text)) is None


def test_a_last_line_without_an_end_is_not_among_the_lines():
    """The index counts it; columns do not have it."""
    text = stored(HEAD, INSIDE)[:-1]
    whole = StampedLines(text[: text.rindex(b"\n") + 1])
    made = index_of([text])
    assert not kept_first_lines(made, 0, [text], whole)
