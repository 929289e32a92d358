"""The one place of a listener where lines are dropped, then masked."""

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.intake.filter_options import FilterCounts, FilterOptions
from logsrv.linelog.intake.line_filter import LineFilter


def filtered(lines: bytes, **options: tuple[str, ...]) -> tuple[bytes | None, FilterCounts]:
    counts = FilterCounts()
    block = LineFilter(FilterOptions(**options), counts).apply(
        Batch(Block.of(lines), "tcp:h:1", 0.0), 1 << 20
    )
    return None if block is None else bytes(block), counts


def test_lines_are_dropped_by_what_was_sent_and_the_others_masked():
    stored, counts = filtered(
        b"user=ann a=1\nuser=bob a=1\n", mask=("/ann|bob/",), drop=("user=ann",)
    )
    assert stored == b"user=(masked) a=1\n"
    assert counts == FilterCounts(masked=1, masked_bytes=3, dropped_lines=1, dropped_bytes=12)


def test_nothing_is_masked_where_nothing_is_left():
    assert filtered(b"ann\n", mask=("/ann/",), drop=("ann",)) == (
        None,
        FilterCounts(dropped_lines=1, dropped_bytes=3),
    )


def test_either_alone_is_enough():
    assert filtered(b"ann\n", mask=("/ann/",))[0] == b"(masked)\n"
    assert filtered(b"ann\nx\n", drop=("ann",))[0] == b"x\n"
