"""A real daemon archives the stores of its rules with the main one; all lines are found and restored."""

import random
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import statuses
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.lakes import rows_of

pytestmark = pytest.mark.slow

COUNT = 8000


def text(begin: int, end: int) -> bytes:
    """Return lines that hardly compress, each with a word of its own."""
    dice = random.Random(begin)
    return b"".join(
        b"line %d %s needle%s\n"
        % (number, dice.randbytes(100).hex().encode(), _letters(number).encode())
        for number in range(begin, end)
    )


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:06d}")


def settings(home: Path, *, lake: bool) -> Path:
    for name in ("archive", "lake"):
        (home / name).mkdir()
    urls = [f"file://{home}/archive", *([f"lake+file://{home}/lake"] if lake else [])]
    (home / "c.toml").write_text(
        f'rotate-size = "256KiB"\nkeep-bytes = "300KiB"\nkeep-indexes = 30\nhttp = "{LOOPBACK}"\n'
        f"ship = {urls}\n"
        '[[retention]]\nname = "audit"\nmatch = \'/^line \\d*[02468] /\'\nkeep-bytes = "300KiB"\n'
    )
    return home / "c.toml"


def printed(*words: str) -> str:
    done = logsrv(*words)
    assert not done.returncode, done.stderr
    return done.stdout.decode()


def count(directory: str | Path, query: str = "line") -> int:
    return int(printed("search", "--directory", str(directory), "--count", query))


def wait_until_archived(server: Logger) -> None:
    """Wait until each store has removed texts, and no target lacks a sealed segment."""
    places = (server.store, server.store / "stores" / "audit")
    server.wait_until(
        lambda: all(
            len([*one.glob("*.idx")]) >= 3 and len([*one.glob("*.zst")]) <= 2 for one in places
        ),
        "retention",
        2 * PATIENCE,
    )
    server.wait_until(
        lambda: {(one["lag_bytes"], one["up"]) for one in statuses(server)} == {(0, True)}, "them"
    )


def send(server: Logger) -> None:
    for begin in range(0, COUNT, 1000):
        server.send(text(begin, begin + 1000))
        server.wait_until(lambda: count(server.store) == begin + 1000, "the lines")  # noqa: B023


def test_texts_of_all_stores_leave_the_disk_and_all_lines_are_found(logger, tmp_path):
    server = logger("--config", str(settings(tmp_path, lake=False)))
    audit = server.store / "stores" / "audit"
    send(server)
    wait_until_archived(server)
    assert (count(server.store), count(audit)) == (COUNT, COUNT // 2)
    url = f"http://127.0.0.1:{server.ports()[1]}/api/search?q=line&limit=10000"
    with urlopen(url, timeout=PATIENCE) as answer:
        assert answer.read().count(b"line ") == COUNT
    assert server.stop() in (0, -signal.SIGTERM)
    active = [(one / "current.log").read_bytes().count(b"\n") for one in (server.store, audit)]
    place = f"file://{tmp_path}/archive"
    assert count(place) == COUNT - sum(active)
    # Line 0 is only in the archive now.
    assert count(audit, "needleaaaaaa") == 1
    done = logsrv("erase", "-d", str(audit), "--everywhere", "--yes", "needleaaaaaa")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert logsrv("search", "-d", place, "--count", "needleaaaaaa").stdout == b"0\n"
    assert count(place, "needleaaaaab") == 1
    back = tmp_path / "back"
    said = printed("restore", "--from", place, str(back))
    assert f"{back}/stores/audit is store " in said and f"{back} is store " in said
    assert count(back) == COUNT - sum(active) - 1
    assert count(back / "stores" / "audit") == COUNT // 2 - active[1] - 1
    # The server goes on with all of them.
    again = logger("--config", str(tmp_path / "c.toml"))
    assert count(again.store) == COUNT - 1
    assert again.stop() in (0, -signal.SIGTERM)


def test_a_lake_gets_the_segments_of_all_stores(logger, tmp_path):
    pytest.importorskip("pyarrow")
    server = logger("--config", str(settings(tmp_path, lake=True)))
    audit = server.store / "stores" / "audit"
    send(server)
    wait_until_archived(server)
    assert server.stop() in (0, -signal.SIGTERM)
    active = b"".join((one / "current.log").read_bytes() for one in (server.store, audit))
    rows = [row["message"].encode() for row in rows_of(tmp_path / "lake")]
    here = [line.split(b" ", 2)[2] for line in active.splitlines()]
    assert len(rows) == len({*rows}), "no line is there twice"
    wanted = b"".join(text(begin, begin + 1000) for begin in range(0, COUNT, 1000)).splitlines()
    assert sorted(rows + here) == sorted(wanted)
