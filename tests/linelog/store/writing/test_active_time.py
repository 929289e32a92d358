"""Rotation by time: each day, whatever the clock of the wall does."""

from pathlib import Path

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.policy import DAY
from tests.parts.disks import batch


def sealed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.zst"))


async def test_an_idle_segment_is_sealed_when_its_time_is_up_and_an_empty_one_never(
    open_store, clock
):
    store = open_store(clock=clock, rotate_every=DAY)
    clock.advance(5 * DAY)
    for day in range(1, 4):
        store.append(batch(b"one"))
        clock.advance(DAY - 1)
        assert store.position.segment == day
        clock.advance(1)
        assert store.position == (day + 1, 0) and len(sealed(store.directory)) == day
    store.rotate()
    clock.advance(5 * DAY)
    assert store.position == (4, 0) and len(sealed(store.directory)) == 3


async def test_after_a_restart_the_time_counts_from_the_first_line(open_store, tmp_path, clock):
    (tmp_path / "current.log").write_text(f"{rfc3339(clock.time_of_day() - 3000)} tcp:x:1 old\n")
    store = open_store(clock=clock, directory=tmp_path, rotate_every=3600.0)
    clock.advance(599)
    assert not sealed(store.directory)
    clock.advance(1)
    assert len(sealed(store.directory)) == 1


async def test_a_first_line_from_the_future_does_not_put_rotation_off(open_store, tmp_path, clock):
    """The clock was set back while the server was down."""
    (tmp_path / "current.log").write_text(
        f"{rfc3339(clock.time_of_day() + 90000)} tcp:x:1 future\n"
    )
    store = open_store(clock=clock, directory=tmp_path, rotate_every=3600.0)
    clock.advance(3600)
    assert len(sealed(store.directory)) == 1
