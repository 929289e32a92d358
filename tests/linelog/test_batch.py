"""A block's lines are stored whole, each with its stamp, and nothing beside them."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.batch import Batch, Block

STAMP = b"TIME SOURCE "
LINE = st.binary(max_size=5).map(lambda line: line.replace(b"\n", b""))


def stamped(lines: list[bytes]) -> bytes:
    return b"".join(STAMP + line + b"\n" for line in lines)


@given(LINE, LINE, st.lists(LINE, max_size=5), LINE, st.booleans())
def test_stamp_before_each_line(before, first_end, lines, tail, continued):
    """However the lines lie in the chunk, each comes out once and with one stamp."""
    whole = b"".join(line + b"\n" for line in lines)
    if continued:
        start = len(first_end) + 1
        body = first_end + b"\n" + whole + tail
        block = Block(before + first_end + b"\n", body, start, start + len(whole))
        expected = [before + first_end, *lines]
    else:
        block = Block(b"", whole + tail, 0, len(whole))
        expected = lines
    assert b"".join(block.stamped(STAMP)) == stamped(expected)
    assert bytes(block) == b"".join(line + b"\n" for line in expected)
    assert len(block) == len(bytes(block))
    batch = Batch(block, "name@tcp:[::1]:514", 1795155522.5)
    assert batch.lines(sum(map(len, batch.stored()))) == len(expected)


@given(LINE, st.lists(LINE, max_size=5))
def test_head_and_body_of_different_origin(head, lines):
    """A cleaned first line before a cleaned copy of the rest."""
    whole = b"".join(line + b"\n" for line in lines)
    block = Block(head + b"\n", whole, 0, len(whole))
    assert b"".join(block.stamped(STAMP)) == stamped([head, *lines])


def test_a_chunk_is_not_copied_without_need():
    """Without anything to leave off, the block is its chunk."""
    assert Block.of(b"a\nb\n").body == b"a\nb\n"
    assert b"".join(Block.of(b"a\nb\n").stamped(STAMP)) == stamped([b"a", b"b"])


def test_the_stamp_of_a_batch():
    batch = Batch(Block.of(b"hello\n"), "tcp:127.0.0.1:51234", 0.5)
    line = b"1970-01-01T00:00:00.500000Z tcp:127.0.0.1:51234 hello\n"
    assert b"".join(batch.stored()) == line


@given(LINE, st.lists(LINE, max_size=9), LINE, st.integers(1, 12))
def test_pieces_are_the_block_again(head, lines, tail, most):
    """Cut between lines, each no longer than allowed unless it is one line."""
    whole = b"".join(line + b"\n" for line in lines)
    block = Block(head + b"\n", whole + tail, 0, len(whole))
    pieces = [bytes(piece) for piece in block.pieces(most)]
    assert b"".join(pieces) == bytes(block)
    for piece in pieces:
        assert piece.endswith(b"\n")
        assert len(piece) <= most or piece.count(b"\n") == 1
