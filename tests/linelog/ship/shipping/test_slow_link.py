"""A link on which no answer comes in time: less is sent at once, until one does."""

import os

from logsrv.linelog.ship.shipping.loop import ANSWER, LEAST
from logsrv.linelog.ship.shipping.shipper import size_with_lfs
from tests.parts.ship_targets import FarSide, LineFarSide, Process
from tests.parts.stores import line, make_store


def test_blocks_become_smaller_on_a_slow_link(tmp_path):
    store = [[line(os.urandom(1000).hex(), n) for n in range(600)]]
    process = Process(make_store(tmp_path / "logs", store))
    # What one answer may take is a quarter of the text.
    far = FarSide(clock=process.clock, speed=5000.0)
    process.blocks(far).start()
    process.run(400)
    assert far.text == b"".join(store[0])
    assert 1 <= len(process.reports.of("retry")) <= 5
    # Halved as often as needed, not at once to the least.
    assert min(len(block.packed) for block in far.blocks[:-1]) > LEAST


def test_batches_become_smaller_on_a_slow_link(tmp_path):
    lines = [line("x" * 1000, n) for n in range(600)]
    far = LineFarSide(
        most_bytes=1 << 19, judge=lambda one: "hang" if size_with_lfs(one.lines) > 100_000 else None
    )
    process = Process(make_store(tmp_path / "logs", [lines]))
    process.lines(far).start()
    process.run(3 * ANSWER + 20)
    assert b"".join(one + b"\n" for one in far.lines) == b"".join(lines)
    assert [one.reason for one in process.reports.of("retry")] == ["unavailable"] * 3
    assert not process.reports.of("refused")
