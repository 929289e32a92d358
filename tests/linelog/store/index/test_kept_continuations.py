"""What an index keeps of continuation lines: the same first lines as a look at the text finds."""

import contextlib
import json
import zlib
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.continuations.first_lines import find_continuations
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.view import View
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.indexing import encode_continuations
from logsrv.linelog.store.index.kept_continuations import decode_continuations
from logsrv.linelog.store.segment import Position, sealed_segments
from tests.parts.disks import at, packed_segment, stored
from tests.parts.examples import more
from tests.parts.trace_lines import random_lines

HEAD = b"<11>Nov 20 06:18:42 web1 shop[7]: cannot post"
INSIDE = b"\tat x.Y.z(Y.java:3)"


def frames(lines: list[bytes], cuts: list[int]) -> list[bytes]:
    ends = [*cuts, len(lines)]
    return [b"".join(lines[a:b]) for a, b in zip([0, *cuts], ends, strict=True) if a < b]


def lines_with_an_a(text: bytes) -> set[int]:
    ends = accumulate((len(line) + 1 for line in text.split(b"\n")), initial=0)
    return {at for at, line in zip(ends, text.split(b"\n"), strict=False) if b"a" in line}


@more(4)
@given(st.integers(0, 2**32 - 1))
def test_each_frame_tells_what_is_found_in_it(seed):
    random = Random(seed)
    lines = random_lines(random, 60)
    earlier = EarlierTexts()
    earlier.add(StampedLines(b"".join(random_lines(random, 30))))
    for text in frames(lines, sorted(random.sample(range(1, 60), 3))):
        stamped = StampedLines(text)
        found = find_continuations(stamped, earlier)
        kept = encode_continuations(found, stamped)
        if found.are_sure:
            assert kept is not None
            assert decode_continuations(kept, text, len(stamped)) == found.first_lines
            some = {at: line for at, line in found.first_lines.items() if b"a" in line}
            assert decode_continuations(kept, text, len(stamped), lines_with_an_a) == some
        else:
            assert kept is None
        earlier.add(stamped)


@given(st.binary(max_size=60), st.integers(0, 50))
def test_bytes_of_a_liar_are_refused_or_stay_within_the_text(data, lines):
    text = stored(HEAD, INSIDE, b"x")
    for told in (data, zlib.compress(data), zlib.compress(data * 4)):
        with contextlib.suppress(ValueError):
            found = decode_continuations(told, text, lines)
            assert all(0 <= start < len(text) for start in found)


@pytest.mark.slow
def test_more_bytes_than_the_lines_can_have_are_not_unpacked():
    with pytest.raises(ValueError, match="a wrong size"):
        decode_continuations(zlib.compress(bytes(100 << 20)), b"x\n", 1)


def index_of(*texts: bytes) -> index.Index:
    made, earlier = indexing.Indexer(1), EarlierTexts()
    for text in texts:
        made.add(indexing.scan_frame(text, len(text), earlier), b"compressed")
    return index.decode_index(indexing.encode_index(made.index_so_far()))


def test_a_record_over_the_edge_of_frames_is_whole():
    """The first line of a record is kept by the frame that goes on with it."""
    texts = stored(HEAD, INSIDE), stored(INSIDE, b"<14>Nov 20 06:18:42 web1 shop[7]: ok", INSIDE)
    made = index_of(*texts)
    assert [one.goes_on for one in made.frames] == [False, True]
    first, second = (made.first_lines_of_frame(number, text) for number, text in enumerate(texts))
    assert first is not None and [*first] == [len(stored(HEAD))]
    assert second is not None and [line[-5:] for line in second.values()] == [b" post", b"]: ok"]
    assert made._replace(rules=RULES + 1).first_lines_of_frame(1, texts[1]) is None


def test_a_frame_that_may_go_on_with_the_segment_before_keeps_nothing():
    made = index_of(stored(INSIDE, HEAD), stored(HEAD))
    assert made.continuations == (None, b"")


def test_a_list_of_other_frames_is_refused():
    data = indexing.encode_index(index_of(stored(HEAD, INSIDE), stored(HEAD)))
    head, one, two, _, rest = data.split(b"\n", 4)
    body = b"\n".join([one, two, b"[0]", rest])
    told = {**json.loads(head[:-9]), "size": len(body), "crc": zlib.crc32(body)}
    first = json.dumps(told, separators=(",", ":")).encode()
    with pytest.raises(ValueError, match="other frames"):
        index.decode_index(b"%b %08x\n%b" % (first, zlib.crc32(first), body))


def test_what_the_index_keeps_is_used_and_the_text_is_where_it_does_not(tmp_path: Path):
    """An index that lies shows that it is asked; one without, or by other rules, that it need not be."""
    text = stored(HEAD, INSIDE, b"x")
    packed = packed_segment(tmp_path, text)
    disk = at(tmp_path)
    made = index.load(packed, disk)
    own = find_continuations(StampedLines(text), None).first_lines
    for kept, rules, wanted in ((b"", RULES, {}), (None, RULES, own), (b"", RULES - 1, own)):
        told = made._replace(continuations=(kept,), rules=rules)
        indexing.save_index(told, packed, disk)
        view = View(str(tmp_path), pytest.fail)
        found = Continuations(view)
        found.open = view.open_segment(1)
        assert found.open is not None
        with found.open:
            assert found.first_lines(Position(1, 0), text) == wanted
        view.close()


@pytest.mark.parametrize("gone", ["nothing", "the first", "the last", "damaged"])
def test_a_segment_goes_on_with_the_one_before_when_it_is_sealed(tmp_path: Path, gone: str):
    """Where that is not there, readers look for themselves."""
    inside = stored(INSIDE, b"<14>Nov 20 06:18:42 web1 shop[7]: ok")
    first, second = (
        packed_segment(tmp_path, text, n) for n, text in ((1, inside), (2, stored(HEAD)))
    )
    if gone == "the first":
        (tmp_path / first.name).unlink()
    elif gone == "the last":
        (tmp_path / second.name).unlink()
    elif gone == "damaged":
        (tmp_path / second.name).write_bytes(b"rubbish")
    third = packed_segment(tmp_path, stored(INSIDE), 3)
    disk = at(tmp_path)
    found = index.load(third, disk).first_lines_of_frame(0, stored(INSIDE))
    assert index.load(first, disk).continuations == (b"",)
    if gone in ("nothing", "the first"):
        assert found is not None and found[0].endswith(HEAD)
    else:
        assert found is None
    assert indexing.rebuild_index(third, disk, sealed_segments(disk)) == index.load(third, disk)
