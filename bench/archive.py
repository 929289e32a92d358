"""Searching an archive in a remote bucket: seconds, requests, round trips and MB of each search.

    python -m bench.archive                       # 40 segments of 257 MiB of text, 20 ms for each request
    python -m bench.archive --segments 8 --megabytes 16 --runs 1    # a look

Four segments are made; the others are copies of the third, with other numbers. The server is in this
process, and delays each answer by 20 ms. `logsrv search` runs as a process, whose start is measured too:
once with the indexes of all segments in its store, and once with only the URL.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from bench.bucket import KEYS, Asked, BucketServer, running
from bench.search import run
from bench.stores import ABSENT, WORD, Made, make
from bench.table import markdown
from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.names import manifest_object_name
from logsrv.linelog.archive.putting import make_manifest
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.indexing import encode_index as encode_index
from logsrv.linelog.store.notes.archive_notes import save_archive_url, save_local_manifest
from logsrv.linelog.store.notes.manifest import encode_manifest, object_name
from logsrv.linelog.store.segment import Form, Segment, save_number
from logsrv.linelog.store.words.layout import TRAILER_SIZE, pack_trailer, unpack_trailer

STORE = "ab" * 16
BASES = 4
REPEATED = 3
REQUESTS_BAR, SECONDS_BAR, ROUNDS_BAR = 8, 0.3, 12


@attrs.define
class Meter:
    """Delays the requests of a search, and records for each: time received, time answered, bytes.

    delay: seconds for each request.
    """

    delay: float
    server: BucketServer
    seen: list[tuple[float, float, int]] = attrs.Factory(list)
    _lock: threading.Lock = attrs.Factory(threading.Lock)

    def late(self, asked: Asked) -> None:
        """Delay a request, and record it.

        One of the `faults` of the server, which then answers as usual.
        """
        came = time.monotonic()
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            self.seen.append((came, time.monotonic(), self._size(asked)))

    def _size(self, asked: Asked) -> int:
        whole = len(self.server.objects.get(asked.key, b""))
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.range)
        return min(whole, int(found[2]) + 1) - int(found[1]) if found else whole

    @property
    def rounds(self) -> int:
        """Return the number of round trips: the longest chain of requests that wait for each other."""
        chains: list[tuple[float, int]] = []
        for came, answered, _ in sorted(self.seen):
            before = max((length for end, length in chains if end <= came), default=0)
            chains.append((answered, before + 1))
        return max((length for _, length in chains), default=0)

    @property
    def megabytes(self) -> float:
        """Return the megabytes that were read."""
        return sum(size for *_, size in self.seen) / 1e6


def repeat(made: Made, count: int, directory: Path) -> None:
    """Fill a directory with `count` segments: the first four of a store, and copies of the third."""
    there, here = Disk().open_directory(made.directory), Disk().open_directory(directory)
    segments = [
        Segment(number, file.name, Form.PACKED) for number, file in enumerate(made.files, 1)
    ]
    for number in range(1, count + 1):
        of = segments[number - 1 if number <= BASES else REPEATED - 1]
        one = Segment(number, f"{number:010}{of.name[10:]}", Form.PACKED)
        (directory / one.name).hardlink_to(made.directory / of.name)
        found = index.load(of, there)._replace(segment=number)
        here.replace_durably(one.index, encode_index(found))
        if there.has_name(of.words):
            words = there.read(of.words)
            trailer = unpack_trailer(words[-TRAILER_SIZE:])._replace(segment=number)
            here.replace_durably(one.words, words[:-TRAILER_SIZE] + pack_trailer(trailer))
    save_number(count + 1, here)
    (directory / "current.log").touch()
    there.close()
    here.close()


def archive(directory: Path, server: BucketServer, url: str) -> None:
    """Move the texts of a store's segments to the server, and copy their indexes there."""
    disk, texts = Disk().open_directory(directory), dict[int, bytes]()
    there = open_archive(url)
    for path in sorted(directory.glob("*.log.zst")):
        one = Segment(int(path.name[:10]), path.name, Form.PACKED)
        manifest = make_manifest(one, disk, STORE)
        inode = path.stat().st_ino
        texts.setdefault(inode, path.read_bytes() if inode not in texts else b"")
        prefix = f"archive/{object_name(STORE, '')}"
        server.objects[prefix + one.name] = texts[inode]
        for name in (one.index, one.words):
            if disk.has_name(name):
                server.objects[prefix + name] = disk.read(name)
        server.objects[f"archive/{manifest_object_name(STORE, one.name)}"] = encode_manifest(
            manifest
        )
        add_to_archive_catalogs(there, manifest, disk.read)
        save_local_manifest(disk, one, manifest)
        path.unlink()
    disk.close()
    (directory / "ship").mkdir()
    folder = Disk().open_directory(directory / "ship")
    save_archive_url(folder, "far", url)
    folder.close()


def measure(place: str, query: str, meter: Meter, runs: int) -> list[str]:
    """Search `runs` times; return the figures of a row."""
    took, lines = [], set()
    for _ in range(runs):
        meter.seen.clear()
        done = run([*COMMAND, "--directory", place, query])
        took.append(done.seconds)
        lines.add(done.output.count(b"\n"))
    return [
        " or ".join(map(str, sorted(lines))),
        str(len(meter.seen)),
        str(meter.rounds),
        f"{meter.megabytes:.1f}",
        f"{statistics.median(took):.2f}",
        f"{min(took):.2f}",
    ]


COMMAND = (str(Path(sys.executable).with_name("logsrv")), "search")


def main(arguments: Sequence[str] | None = None, *, say: Callable[[str], None] = print) -> None:
    """Make the archive, measure, and print the figures."""
    parser = argparse.ArgumentParser(description="Search an archive in a bucket far away.")
    parser.add_argument("--segments", type=int, default=40, help="at least 4")
    parser.add_argument("--megabytes", type=int, default=257, help="of text in each, in MiB")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds that a request takes")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="for the stores, which are removed")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.directory) as scratch, running() as server:
        made = make(Path(scratch) / "made", BASES, given.megabytes)
        store = Path(scratch) / "store"
        store.mkdir()
        repeat(made, given.segments, store)
        text = made.text / BASES * given.segments
        (Path(scratch) / "keys").write_text(" ".join(KEYS.values()))
        url = f"{server.url()}&key-file={scratch}/keys"
        archive(store, server, url)
        catalogs = [len(data) for name, data in server.objects.items() if "/catalog/" in name]
        say(
            f"{text / 1e9:.1f} GB of text in {given.segments} segments, {sum(catalogs) / 1e6:.2f} MB of"
            f" catalogs, {given.delay * 1000:.0f} ms a request"
        )
        meter = Meter(given.delay, server)
        server.faults = [meter.late]
        rows = []
        for name, query in (
            ("rare word", WORD),
            ("absent word", ABSENT),
            ("id", made.id),
            ("prefix of an id", made.id[:8]),
        ):
            for where, place in (("here", str(store)), ("there", url)):
                rows.append([name, where, *measure(place, query, meter, given.runs)])
        say(
            markdown(["search", "indexes", "lines", "requests", "rounds", "MB", "s", "least"], rows)
        )
        say(
            f"bars for a rare word: {REQUESTS_BAR} requests and {SECONDS_BAR} s with indexes here,"
            f" {ROUNDS_BAR} rounds with those there"
        )


if __name__ == "__main__":
    main()
