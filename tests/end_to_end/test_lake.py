"""A real daemon sends its sealed segments to a lake, also over kills, and removes a text only then.

LOGSRV_KILLS=30 pytest -s -m '' tests/end_to_end/test_lake.py
"""

import os
import random
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.objects.opening import open_archive
from tests.end_to_end.ship_killed import Witness
from tests.parts.buckets import buckets
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.lakes import rows_of

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("LOGSRV_KILLS", "4"))
CHILD = "ship.ship_child"
SMALL = ("--rotate-size", "256KiB")
DEADLINE = 3 * PATIENCE


def text(begin: int, end: int) -> bytes:
    """Return numbered lines that hardly compress."""
    dice = random.Random(begin)
    return b"".join(
        b"line=%d level=info x=%s\n" % (number, dice.randbytes(100).hex().encode())
        for number in range(begin, end)
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


def sealed(server: Logger) -> set[int]:
    return {int(path.name[:10]) for path in server.store.glob("0*.log.zst.idx")}


def in_lake(place: Path) -> set[int]:
    return {int(path.stem.partition("-")[2]) for path in place.glob("day=*/*.parquet")}


def is_sealing(server: Logger) -> bool:
    return any(path.stat().st_size for path in server.store.glob("0*.log"))


def wait_for_all(server: Logger, place: Path, least: int) -> None:
    """Wait until all rotated segments are in the lake, and segment number `least` with them."""

    def done() -> bool:
        try:
            waits = is_sealing(server)
        except FileNotFoundError:
            return False
        there = in_lake(place)
        return not waits and sealed(server) <= there and max(there, default=0) >= least

    server.wait_until(done, "the lake", DEADLINE)


def lines_in(place: Path) -> bytes:
    """Return the stored text that the rows of a lake describe."""
    return b"".join(
        f"{rfc3339(row['time'].timestamp())} {row['source']} {row['message']}\n".encode()
        for row in rows_of(place)
    )


def status(server: Logger) -> str:
    return logsrv("ship", "--status", str(server.store)).stdout.decode()


def test_each_line_is_in_the_lake_before_its_text_leaves_the_disk(logger, place, tmp_path):
    words = (*SMALL, "--keep-bytes", "300KiB", "--http", LOOPBACK)
    server = logger(*words, "--ship", f"lake+file://{place}")
    witness = Witness(server.store, tmp_path / "kept")
    witness.start()
    for begin in range(0, 8000, 1000):
        server.send(text(begin, begin + 1000))
        server.wait_until(lambda: witness.size() >= (begin + 1000) * 200, "the lines")  # noqa: B023
    wait_for_all(server, place, 5)
    server.wait_for_log("each sealed segment once, as Parquet")
    server.wait_until(lambda: " nothing" in status(server), "the lag")
    with urlopen(f"http://127.0.0.1:{server.ports()[1]}/metrics", timeout=PATIENCE) as answer:
        figures = answer.read().decode()
    assert 'logsrv_ship_up{target="lake-file-' in figures
    assert server.stop() in (0, -signal.SIGTERM)
    assert witness.removed() >= 1
    stored = witness.text()
    assert stored.startswith(lines_in(place))
    assert len(lines_in(place)) == len(stored) - server.current.stat().st_size
    assert not list(server.store.glob("*.archived"))


def test_a_bucket_gets_the_lake_and_a_reload_adds_it(logger, tmp_path):
    pytest.importorskip("obstore")
    with buckets("logs") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        config = tmp_path / "logsrv.toml"
        config.write_text('rotate-size = "256KiB"\n')
        server = logger("--config", str(config), environment=environment)
        server.send(text(0, 3000))
        config.write_text('rotate-size = "256KiB"\nship = ["lake+s3://logs/lake"]\n')
        server.send_signal(signal.SIGHUP)
        lake = open_archive("s3://logs/lake")
        server.wait_until(
            lambda: not is_sealing(server) and len(lake.names()) == len(sealed(server)) > 0,
            "the lake",
            DEADLINE,
        )
        assert server.stop() in (0, -signal.SIGTERM)


def test_a_missing_lake_is_told_and_it_goes_on_when_it_is_there(logger, tmp_path):
    place = tmp_path / "lake"
    server = logger(*SMALL, "--ship", f"lake+file://{place}")
    server.send(text(0, 2000))
    server.wait_for_log("mount it, or make the directory")
    place.mkdir()
    # The cause does not go away by itself, so attempts are a minute apart: a new process tries at once.
    assert server.stop() in (0, -signal.SIGTERM)
    again = logger(*SMALL, "--ship", f"lake+file://{place}")
    wait_for_all(again, place, 1)


@pytest.mark.long
@pytest.mark.minutes(10)
@pytest.mark.parametrize("whom", ["shipper", "daemon"])
def test_kills_lose_and_double_no_line(logger, place, tmp_path, whom):
    """The shipper or the daemon is killed at random moments, while files are made and put."""
    words = (*SMALL, "--keep-bytes", "600KiB", "--ship", f"lake+file://{place}")
    server = logger(*words)
    chance = random.Random(31)
    witness = Witness(server.store, tmp_path / "kept")
    witness.start()
    number = 0
    for _ in range(KILLS):
        size = witness.size()
        server.send(text(number, number + 2000))
        number += 2000
        server.wait_until(lambda: witness.size() >= size + 400_000, "the lines", DEADLINE)  # noqa: B023
        server.wait_until(lambda: server.child(CHILD), "a shipper", DEADLINE)  # noqa: B023
        # From the beginning of a rotation until two files are there: anywhere in the work.
        deadline = chance.uniform(0, 1.0)
        with pytest.raises(AssertionError, match="in vain"):
            server.wait_until(lambda: False, "a random moment", deadline)
        if whom == "shipper":
            if child := server.child(CHILD):
                os.kill(child, signal.SIGKILL)
        else:
            server.send_signal(signal.SIGKILL)
            server.wait()
            server = logger(*words)
    server.send(text(number, number + 2000))
    server.wait_until(
        lambda: witness.ends_with(b"line=%d " % (number + 1999)), "the last line", DEADLINE
    )
    wait_for_all(server, place, KILLS)
    assert server.stop() in (0, -signal.SIGTERM)
    stored, found = witness.text(), lines_in(place)
    assert stored.startswith(found)
    lacking = len(stored) - len(found) - server.current.stat().st_size
    print(f"\n{KILLS} kills of the {whom}: {len(found):,} bytes in the lake, {lacking} lacking")
    assert not lacking
