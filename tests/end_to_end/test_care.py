"""The doctor and backups beside a real server that stores lines, rotates, seals and removes."""

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import disk_usage

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.segment import number_text
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.daemons import Logger
from tests.parts.disks import text_of
from tests.parts.examined_stores import at, flip
from tests.parts.store_reader import stored_bytes
from tests.parts.warm.process import popen
from tests.parts.word_segments import sealed

pytestmark = pytest.mark.long


@contextmanager
def sending(server: Logger) -> Iterator[None]:
    """Send lines without a pause in the `with` block."""
    ended = threading.Event()

    def send() -> None:
        with server.connect() as connection:
            number = 0
            while not ended.is_set():
                connection.sendall(
                    b"".join(
                        b"%d word%d %s\n" % (n, n % 7, b"x" * 80)
                        for n in range(number, number + 50)
                    )
                )
                number += 50
                ended.wait(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join(PATIENCE)


def test_a_doctor_beside_a_server_gives_no_false_alarm(logger):
    server = logger("--rotate-size", "24KiB", "--keep-bytes", "300KiB")
    with sending(server):
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
        for words in ([], ["--quick"]) * 4:
            shown = logsrv("doctor", *words, str(server.store))
            assert (shown.returncode, shown.stdout.count(b"\n")) == (0, 1), shown.stdout
        # It repairs nothing in a sound store, and does not complain about the running server.
        assert logsrv("doctor", "--repair", str(server.store)).returncode == 0
    server.stop()
    assert logsrv("doctor", str(server.store)).returncode == 0


def test_a_backup_under_load_that_is_killed_goes_on(logger, tmp_path):
    """After a kill at any moment the backup is the one from before or the new one."""
    server = logger("--rotate-size", "24KiB")
    to, chance, complete = tmp_path / "to", random.Random(23), 0
    with sending(server):
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
        for _ in range(6):
            process = popen(
                [*LOGSRV, "backup", str(server.store), str(to)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )
            try:
                process.wait(chance.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)
            note = backup_note.load(at(to)) if to.exists() else None
            if note is not None and note.state != "begun":
                complete += 1
                backup_note.finish_renaming(at(to))
                there = text_of(to)
                assert there and text_of(server.store).startswith(there)
        shown = logsrv("backup", str(server.store), str(to))
        assert shown.returncode == 0, shown.stderr
    server.stop()
    there, whole = stored_bytes(to), stored_bytes(server.store)
    assert whole.startswith(there) and len(there) > 100_000
    assert logsrv("doctor", str(to)).returncode == 0
    back = tmp_path / "back"
    (back / "unused").mkdir(parents=True)
    assert logsrv("restore", "--from", str(to), str(back / "store")).returncode == 0
    second = logger(directory=back)
    second.send(b"behind\n")
    second.wait_until(lambda: second.current.stat().st_size > 0, "the line")
    second.stop()
    [last] = stored_bytes(back / "store").removeprefix(there).splitlines()
    assert last.endswith(b" behind")
    print(f"{complete} of 6 were complete")


@pytest.mark.parametrize("suffix", ["words", "parquet"])
def test_without_room_nothing_is_repaired_and_nothing_is_taken(small_disk, suffix):
    """What could not be made again counted as repaired, because the damaged file was gone."""
    store = small_disk / "store"
    store.mkdir()
    one = sealed(store, with_words=True)
    (store / "number").write_bytes(number_text(2))
    logsrv("reindex", "-d", str(store))
    name = one.words if suffix == "words" else one.columns
    flip(store / name, 1000)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(disk_usage(small_disk).free - (16 << 10)))
    for _ in range(2):
        shown = logsrv("doctor", "--repair", str(store))
        assert shown.returncode == 1
        found = shown.stdout.decode()
        assert f"damaged: {name}: it cannot be used: " in found
        assert "    it cannot be repaired: No space left on device\n" in found
        assert found.endswith(": 0 lost, 1 damaged, 0 repaired\n")
    ballast.unlink()
    shown = logsrv("doctor", "--repair", str(store))
    assert shown.stdout.decode().endswith(": sound; 1 repaired\n")
    assert (store / name).stat().st_size > 1000
