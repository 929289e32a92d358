"""A real daemon archives its segments, removes their text, and finds their lines, also after kills."""

import contextlib
import os
import random
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import Archive
from logsrv.linelog.objects.opening import open_archive
from tests.parts.bucket_server import KEYS, error, running
from tests.parts.buckets import buckets
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.http_servers import receiving
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow

CHILD = "ship.ship_child"
SMALL = ("--rotate-size", "256KiB")


def text(begin: int, end: int) -> bytes:
    """Return lines that hardly compress, each with a unique word."""
    dice = random.Random(begin)
    return b"".join(
        b"line %d %s needle%s\n" % (number, dice.randbytes(100).hex().encode(), _word(number))
        for number in range(begin, end)
    )


def _word(number: int) -> bytes:
    return bytes(ord("a") + int(digit) for digit in f"{number:06d}")


def send(server: Logger, begin: int, end: int) -> None:
    """Send lines, and wait until they are stored."""
    server.send(text(begin, end))
    server.wait_until(lambda: has(server, b"line %d " % (end - 1)), "the last line")


def has(server: Logger, line: bytes) -> bool:
    try:
        plain = any(line in path.read_bytes() for path in server.store.glob("*.log"))
        return plain or line in stored_bytes(server.store)
    except FileNotFoundError:
        # A segment was sealed or removed while it was read: the next call finds the new files.
        return False


def identity(server: Logger) -> str:
    return (server.store / "store").read_text()[10:42]


def archived(server: Logger, place: Path) -> list[int]:
    names = DirectoryArchive(str(place)).names()
    return [int(name[:10]) for name in archived_segment_names(names, identity(server))]


def sealed(server: Logger) -> list[int]:
    """Return the numbers of the sealed segments, with or without their text here."""
    return sorted(int(path.name[:10]) for path in server.store.glob("*.log.zst.idx"))


def is_sealing(server: Logger) -> bool:
    """Return whether a rotated segment is not compressed yet; an empty one is never compressed."""
    try:
        return any(path.stat().st_size for path in server.store.glob("0*.log"))
    except FileNotFoundError:
        return True


def has_index(server: Logger, number: int) -> bool:
    return any(server.store.glob(f"{number:010d}-*.idx"))


def printed(*words: str) -> str:
    """Return what `logsrv …` prints."""
    return logsrv(*words).stdout.decode()


def count(directory: Path, query: str = "line") -> int:
    return int(printed("search", "--directory", str(directory), "--count", query))


def wait_for_all(server: Logger, place: Path, least: int) -> None:
    """Wait until all rotated segments are sealed and archived, and at least `least` of them."""
    server.wait_until(
        lambda: (
            not is_sealing(server)
            and len(sealed(server)) >= least
            and archived(server, place) == sealed(server)
        ),
        "the archive",
    )


def wait_for_more(server: Logger, place: Path, before: int) -> None:
    server.wait_until(lambda: len(archived(server, place)) > before, "some of it")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def test_texts_leave_the_disk_indexes_stay_and_all_lines_are_found(logger, place, tmp_path):
    """The command and HTTP find them, and a store is restored byte by byte."""
    server = logger(
        *SMALL,
        "--keep-bytes",
        "300KiB",
        "--keep-indexes",
        "30",
        "--ship",
        f"file://{place}",
        "--http",
        LOOPBACK,
    )
    send(server, 0, 6500)
    wait_for_all(server, place, 3)
    # Another sealing makes retention run again at once.
    send(server, 6500, 8000)
    wait_for_all(server, place, 4)
    server.wait_until(
        lambda: len(list(server.store.glob("*.zst"))) <= len(sealed(server)) - 3, "retention"
    )
    assert count(server.store) == 8000
    found = logsrv("search", "--directory", str(server.store), "needle" + _word(17).decode())
    assert found.stdout.count(b"\n") == 1 and b" line 17 " in found.stdout and not found.stderr
    url = f"http://127.0.0.1:{server.ports()[1]}/api/search?q=needle{_word(17).decode()}"
    with urlopen(url, timeout=PATIENCE) as answer:
        assert answer.read().count(b"line 17 ") == 1
    server.wait_for_log("it was read back and compared")
    server.wait_until(
        lambda: " nothing" in printed("ship", "--status", str(server.store)), "the lag"
    )
    assert server.stop() in (0, -signal.SIGTERM)
    # The next start does not take the indexes without text for strays.
    again = logger(*SMALL, "--keep-indexes", "30")
    assert count(again.store) == 8000
    assert again.stop() in (0, -signal.SIGTERM)
    back = tmp_path / "back"
    assert logsrv("restore", "--from", f"file://{place}", str(back)).returncode == 0
    for path in back.glob("*.zst"):
        here = server.store / path.name
        assert not here.exists() or here.read_bytes() == path.read_bytes()
    restored = stored_bytes(back)
    assert (
        count(back)
        == restored.count(b"\n")
        == 8000 - ((server.store / "current.log").read_bytes().count(b"\n"))
    )
    assert restored.count(b" line ") == restored.count(b"\n")


@pytest.fixture(params=["file", "s3"])
def archive(
    request: pytest.FixtureRequest, place: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Archive]]:
    """The URL of an archive, and access to the archive."""
    with contextlib.ExitStack() as stack:
        url = f"file://{place}"
        if request.param == "s3":
            pytest.importorskip("obstore")
            for name, value in stack.enter_context(buckets("logs")).items():
                monkeypatch.setenv(name, value)
            url = "s3://logs/edges"
        yield url, open_archive(url)


@pytest.mark.complains("the archive has lost 1 segment")
def test_a_text_that_the_archive_lost_goes_again_before_it_leaves_the_disk(logger, archive):
    """Retention checks the archive before it removes a text, so no line is lost."""
    url, there = archive
    server = logger(*SMALL, "--keep-bytes", "900KiB", "--keep-indexes", "30", "--ship", url)
    send(server, 0, 4000)

    def first() -> list[str]:
        """Return the names of manifest and text of the first segment, without catalogs that
        begin with it.
        """
        return [
            name
            for name in there.names(f"{identity(server)}/")
            if re.search(r"/0000000001-[0-9TZ]+\.(json|log\.zst)$", name)
        ]

    server.wait_until(lambda: len(first()) == 2, "the archive")
    there.remove(next(name for name in first() if name.endswith(".zst")))
    send(server, 4000, 8000)
    server.wait_until(
        lambda: has_index(server, 1) and not list(server.store.glob("0000000001-*.zst")),
        "retention",
    )
    server.wait_for_log("from 0000000001-")
    assert len(first()) == 2
    server.wait_until(lambda: not is_sealing(server), "sealing")
    assert count(server.store) == 8000
    assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("whom", ["shipper", "daemon"])
def test_kills_leave_the_archive_whole(logger, place, tmp_path, whom):
    """After a kill at any moment each segment is there once, byte by byte, or not at all."""
    words = (*SMALL, "--ship", f"file://{place}")
    server = logger(*words)
    # An ended shipper is restarted after growing pauses, so there are fewer turns.
    for turn in range(2 if whom == "shipper" else 4):
        before = len(archived(server, place))
        server.send(text(turn * 2000, turn * 2000 + 2000))
        wait_for_more(server, place, before)
        if whom == "shipper":
            child = server.child(CHILD)
            if child:
                os.kill(child, signal.SIGKILL)
        else:
            server.send_signal(signal.SIGKILL)
            server.wait()
            server = logger(*words)
    if whom == "shipper":
        server.wait_until(lambda: has(server, b"line 3999 "), "the last line")
    wait_for_all(server, place, 2)
    text_here = stored_bytes(server.store)
    assert server.stop() in (0, -signal.SIGTERM)
    for path in server.store.glob("*.log.zst*"):
        if ".archived" not in path.name:
            assert (place / identity(server) / path.name).read_bytes() == path.read_bytes()
    assert logsrv("restore", "--from", f"file://{place}", str(tmp_path / "back")).returncode == 0
    assert text_here.startswith(stored_bytes(tmp_path / "back"))


def test_a_full_disk_there_is_said_and_it_goes_on_with_room(logger, small_disk):
    (small_disk / "in the way").write_bytes(bytes(4_150_000))
    server = logger(*SMALL, "--ship", f"file://{small_disk}")
    send(server, 0, 2000)
    server.wait_until(lambda: "No space left on device" in server.log(), "the complaint")
    server.wait_for_log("it takes nothing, and lines wait in the store")
    (small_disk / "in the way").unlink()
    server.wait_until(
        lambda: sealed(server) and archived(server, small_disk) == sealed(server),
        "the rest",
        2 * PATIENCE,
    )
    server.wait_until(lambda: "it takes lines again" in server.log(), "the good news")


def test_a_copied_store_does_not_write_over_the_other(logger, place, tmp_path):
    words = (*SMALL, "--ship", f"file://{place}")
    server = logger(*words)
    send(server, 0, 2000)
    wait_for_all(server, place, 1)
    assert server.stop() in (0, -signal.SIGTERM)
    home = tmp_path / "copy"
    shutil.copytree(server.store, home / "store")
    again = logger(*words)
    send(again, 2000, 4000)
    wait_for_all(again, place, 2)
    before = {path: path.read_bytes() for path in place.rglob("*.log.zst")}
    copy = logger(*words, directory=home)
    copy.wait_until(lambda: "restored or copied" in copy.log(), "the sentence")
    assert {path: path.read_bytes() for path in place.rglob("*.log.zst")} == before


def test_a_bucket_gets_segments_and_is_searched_without_the_store(logger, tmp_path):
    """The S3 server is busy at first, and then away for a while."""
    pytest.importorskip("obstore")
    (tmp_path / "keys").write_text(" ".join(KEYS.values()))
    with running() as bucket:
        busy = [error(503, "SlowDown")] * 3
        bucket.faults = [lambda _: busy.pop() if busy else None]
        url = f"{bucket.url()}&key-file={tmp_path / 'keys'}"
        server = logger(*SMALL, "--keep-bytes", "300KiB", "--keep-indexes", "30", "--ship", url)
        send(server, 0, 6500)
        server.wait_until(
            lambda: (
                len(sealed(server)) >= 3
                and sum(name.endswith(".json") for name in bucket.objects) == len(sealed(server))
            ),
            "the bucket",
        )
        server.wait_until(
            lambda: any("/catalog/" in name for name in bucket.objects), "the catalog"
        )
        word = "needle" + _word(17).decode()
        server.stop()
        for place in (str(server.store), url):
            found = logsrv("search", "--directory", place, word)
            assert (found.stdout.count(b"\n"), found.stderr) == (1, b""), place
        assert printed("tail", "--directory", url, "-n", "3").count("\n") == 3
        followed = logsrv("tail", "--directory", url, "-f")
        assert followed.returncode == 2 and b"-f follows" in followed.stderr
        back = logsrv("restore", "--from", url, str(tmp_path / "back"))
        assert back.returncode == 0, back.stderr
        assert count(tmp_path / "back") == int(
            printed("search", "--directory", url, "--count", "line")
        )


def test_a_bucket_whose_keys_are_in_the_environment_gets_segments_and_is_searched(logger, tmp_path):
    """The S3 server is moto; the process of another target gets none of the keys."""
    pytest.importorskip("obstore")
    word = "needle" + _word(17).decode()
    with buckets("logs") as environment, receiving() as receiver:
        server = logger(
            *SMALL,
            *("--keep-bytes", "300KiB", "--keep-indexes", "30", "--http", LOOPBACK),
            *("--ship", "s3://logs/edges", "--ship", receiver.url),
            environment=environment,
        )
        url = f"http://127.0.0.1:{server.ports()[1]}/api/search?q={word}"
        # A search process is ready from then on, started before there was an archive that needs keys.
        urlopen(url, timeout=PATIENCE).close()
        send(server, 0, 6500)

        def away() -> bool:
            send(server, 6500, 6501)
            return has_index(server, 1) and not list(server.store.glob("0000000001-*.zst"))

        server.wait_until(away, "retention")
        with urlopen(url, timeout=PATIENCE) as answer:
            assert answer.read().count(b"line 17 ") == 1
        having = [
            b"AWS_SECRET_ACCESS_KEY" in Path(f"/proc/{pid}/environ").read_bytes()
            for pid in server.children()
            if CHILD.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert sorted(having) == [False, True]
        found = logsrv("search", "--directory", str(server.store), word, environment=environment)
        assert (found.stdout.count(b"\n"), found.stderr) == (1, b"")
        assert server.stop() in (0, -signal.SIGTERM)
