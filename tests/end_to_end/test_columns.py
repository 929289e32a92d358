"""Columns of sealed segments: a real daemon makes them, through kills, stops and full disks."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage

import pyarrow.parquet as pq
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.columns.child_process import LEAST_TEXT
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.segment import Form, Segment, sealed_segments
from tests.end_to_end.web_daemon import HTTP, client_of
from tests.parts.commands import LOGSRV
from tests.parts.daemons import LOOPBACK, Logger, reload
from tests.parts.store_reader import stored_lines
from tests.parts.warm.process import popen

pytestmark = pytest.mark.slow

CHILD = "linelog.columns.child_side"
ROTATE = ("--rotate-size", "1200KiB")
PART = 8000
BALLAST = 2900 << 10


def records(first: int, number: int = PART) -> bytes:
    """Lines of 150 bytes with fields; with their stamps PART of them fill a segment."""
    return b"".join(
        json.dumps({"level": "info", "n": n, "user": f"u{n % 9}", "text": 80 * "x"}).encode()
        + b"\n"
        for n in range(first, first + number)
    )


def packed(store: Path) -> Iterator[Segment]:
    with Disk().open_directory(store) as disk:
        yield from [one for one in sealed_segments(disk) if one.form is Form.PACKED]


def lacking(store: Path) -> list[str]:
    """The segments with enough text whose columns are missing."""
    with Disk().open_directory(store) as disk:
        return [
            one.name
            for one in packed(store)
            if index.text_size_and_lines(one, disk)[0] >= LEAST_TEXT
            and not (store / one.columns).exists()
        ]


def give_processors_to_makers() -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if CHILD.encode() in (process / "cmdline").read_bytes():
                os.sched_setscheduler(int(process.name), os.SCHED_OTHER, os.sched_param(0))
                os.setpriority(os.PRIO_PROCESS, int(process.name), 0)


@pytest.fixture(autouse=True)
def makers_run() -> Iterator[None]:
    """Let the processes that make columns run, also one that a killed server has left with its lock.

    They take only what others leave of the processors, which beside a busy test run is nothing.
    """
    ended = threading.Event()

    def give() -> None:
        while not ended.wait(0.5):
            give_processors_to_makers()

    thread = threading.Thread(target=give)
    thread.start()
    yield
    ended.set()
    thread.join(PATIENCE)


def wait_for_columns(server: Logger, segments: int = 1) -> None:
    def are_made() -> bool:
        with Disk().open_directory(server.store) as disk:
            are_packed = all(
                one.form is Form.PACKED or not disk.size_or_zero(one.name)
                for one in sealed_segments(disk)
            )
        is_enough = are_packed and len([*packed(server.store)]) >= segments
        return is_enough and not lacking(server.store)

    server.wait_until(are_made, "the columns of all segments")


def require_right_columns(store: Path) -> None:
    """Each file of columns is whole, and has the numbers of its segment's lines."""
    assert lacking(store) == []
    numbers = []
    with Disk().open_directory(store) as disk:
        for one in packed(store):
            if (store / one.columns).exists():
                table = pq.read_table(store / one.columns)
                assert table.num_rows == index.load(one, disk).lines
                numbers += table["n"].to_pylist()
    known = set(numbers)
    stored = [json.loads(line.message)["n"] for line in stored_lines(store)]
    assert numbers == [n for n in stored if n in known]
    assert not list(store.glob("*.tmp"))


def wait_for_child(server: Logger) -> int:
    """Wait until columns are being made; return the id of the process, which does no more for now."""
    child = server.wait_until(lambda: server.child(CHILD), "the process")
    # It still imports, and the file has been made for it.
    os.kill(child, signal.SIGSTOP)
    assert list(server.store.glob("*.parquet.tmp"))
    return child


def kill(server: Logger) -> None:
    server.send_signal(signal.SIGKILL)
    server.wait()


def test_columns_appear_beside_a_sealed_segment_for_any_engine(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    wait_for_columns(server)
    [one] = packed(server.store)
    columns = server.store / one.columns
    assert columns.stat().st_mode & 0o777 == 0o640
    server.wait_until(lambda: not server.child(CHILD), "the end of the process")
    server.stop()
    require_right_columns(server.store)


def test_without_columns_none_are_made_and_a_reload_changes_that(logger, tmp_path):
    config = tmp_path / "logsrv.toml"
    config.write_text("columns = false\n")
    server = logger(*ROTATE, "--config", str(config))
    server.send(records(0))
    server.wait_until(lambda: [*packed(server.store)], "a sealed segment")
    reload(server)
    assert len(lacking(server.store)) == 1 and not server.child(CHILD)
    config.write_text("columns = true\n")
    reload(server)
    wait_for_columns(server)


def test_columns_that_a_kill_interrupted_are_made_by_the_next_start(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    child = wait_for_child(server)
    kill(server)
    os.kill(child, signal.SIGKILL)
    assert list(server.store.glob("*.parquet.tmp")) and lacking(server.store)
    again = logger(*ROTATE)
    wait_for_columns(again)
    again.stop()
    require_right_columns(server.store)


def test_the_process_ends_with_its_server(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    child = wait_for_child(server)
    kill(server)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGCONT)

    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the end of the process")


def test_a_process_that_dies_is_told_and_other_segments_get_their_columns(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    child = wait_for_child(server)
    os.kill(child, signal.SIGKILL)
    server.wait_for_log("cannot be made, and figures of its segment read the text")
    server.send(records(PART))

    server.wait_until(lambda: has_columns(server.store, 2), "other columns")
    assert len(lacking(server.store)) == 1
    assert server.log().count("cannot be made") == 1


def has_columns(store: Path, number: int) -> bool:
    return bool([*store.glob(f"{number:010}-*.parquet")])


def reindex(store: Path) -> "subprocess.Popen[bytes]":
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return popen([*LOGSRV, "reindex", "--directory", str(store)], **pipes)


def output(command: "subprocess.Popen[bytes]") -> tuple[int, str, str]:
    """Its exit status, the last line that it printed, and its errors."""
    printed, errors = command.communicate(timeout=PATIENCE)
    return command.returncode, printed.decode().splitlines()[-1], errors.decode()


def stopped_child(command: "subprocess.Popen[bytes]", store: Path) -> int:
    """Wait until a command makes columns; return its process, which does no more for now."""
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
    wait_until(lambda: list(store.glob("*.parquet.tmp")) and children.read_text(), "the process")
    [child] = map(int, children.read_text().split())
    os.kill(child, signal.SIGSTOP)
    return child


def test_a_command_waits_for_the_columns_that_the_server_makes(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    child = wait_for_child(server)
    command = reindex(server.store)
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(2)
    os.kill(child, signal.SIGCONT)
    done = "1 sealed segments; indexes or columns were made for 0"
    assert output(command) == (0, done, "")
    server.stop()
    require_right_columns(server.store)
    assert "cannot be made" not in server.log()


@pytest.mark.parametrize("killed", [False, True], ids=["that goes on", "that is killed"])
def test_the_server_leaves_columns_to_a_command(logger, killed):
    server = logger(*ROTATE, "--no-columns")
    server.send(records(0))
    server.wait_until(lambda: [*packed(server.store)], "a sealed segment")
    server.stop()
    command = reindex(server.store)
    child = stopped_child(command, server.store)
    # Its start removes unfinished files, but not this one.
    again = logger(*ROTATE)
    again.send(records(PART))
    again.wait_until(lambda: has_columns(again.store, 2), "other columns")
    assert len(list(again.store.glob("0000000001-*.parquet.tmp"))) == 1
    if killed:
        command.kill()
        # It may have the command's output still, which then has no end.
        os.kill(child, signal.SIGKILL)
        command.communicate(timeout=PATIENCE)
        # Two commands at once have the right one after the other; on a busy machine the server is first.
        both = [reindex(again.store), reindex(again.store)]
        made = [f"2 sealed segments; indexes or columns were made for {n}" for n in (0, 1)]
        said = sorted(output(one) for one in both)
        assert said in ([(0, made[0], "")] * 2, [(0, one, "") for one in made])
        assert has_columns(again.store, 1)
    else:
        os.kill(child, signal.SIGCONT)
        assert output(command)[::2] == (0, "")
    again.stop()
    require_right_columns(again.store)
    assert "cannot be made" not in again.log()


def test_a_stop_ends_the_process_at_once(logger):
    """Even one that does not answer."""
    server = logger(*ROTATE)
    server.send(records(0))
    child = wait_for_child(server)
    assert server.stop() in (0, -signal.SIGTERM)
    assert not Path(f"/proc/{child}").exists()
    assert len(lacking(server.store)) == 1 and not list(server.store.glob("*.tmp"))
    assert "columns" not in server.log()


def test_a_file_of_others_under_the_name_is_replaced_by_the_next_start(logger):
    server = logger(*ROTATE)
    server.send(records(0))
    wait_for_columns(server)
    server.stop()
    [columns] = server.store.glob("*.parquet")
    columns.write_bytes(b"PAR1 of others PAR1")
    loose = server.store / "0000000099-20261120T061842Z.parquet"
    loose.write_bytes(b"")
    again = logger(*ROTATE)
    again.wait_until(lambda: columns.stat().st_size > 100, "the columns")
    again.stop()
    assert not loose.exists()
    require_right_columns(server.store)


def test_columns_count_for_retention_and_go_with_their_segment(logger):
    server = logger(*ROTATE)
    server.send(records(0, 3 * PART))
    wait_for_columns(server, 3)
    server.stop()
    room = sum(path.stat().st_size for path in server.store.glob("*.log*")) + 1
    again = logger(*ROTATE, "--keep-bytes", str(room))
    again.wait_for_log("removed .*0000000001-.*, by the policy")
    again.stop()
    assert not list(server.store.glob("0000000001-*"))
    require_right_columns(server.store)


def test_the_last_room_of_a_disk_is_for_lines(logger, small_disk, tmp_path):
    config, ballast = tmp_path / "logsrv.toml", small_disk / "ballast"
    config.write_text("columns = false\n")
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(small_disk / "store"), *ROTATE,
        "--config", str(config),
        directory=tmp_path,
    )  # fmt: skip
    with server:
        server.send(records(0))
        # The text takes its room until the segment is sealed.
        server.wait_until(
            lambda: list(small_disk.rglob("*.zst")) and disk_usage(small_disk).free > BALLAST,
            "a sealed segment",
        )
        ballast.write_bytes(bytes(BALLAST))
        config.write_text("columns = true\n")
        reload(server)
        server.wait_for_log("the free space is kept for new lines")
        assert not list(small_disk.rglob("*.parquet*"))
        ballast.unlink()
        reload(server)
        server.wait_until(lambda: list(small_disk.rglob("*.parquet")), "the columns")
        server.wait_for_log("columns can be made again")
    require_right_columns(small_disk / "store")
    assert server.log().count("kept for new lines") == 1


def wait_for_kill(server: Logger, number: int) -> None:
    """Wait until a new segment is sealed; each fourth time until columns are under way."""
    server.wait_until(lambda: len([*packed(server.store)]) > number // 2, "a sealed segment")
    if number % 4 == 0:
        server.wait_until(
            lambda: server.child(CHILD) or not lacking(server.store), "columns under way or made"
        )


@pytest.mark.long
@pytest.mark.nightly
def test_twenty_kills_leave_whole_columns_or_none(logger):
    """Of the server, of its process, or of both, each time at another point."""
    for number in range(20):
        server = logger(*ROTATE)
        server.send(records(number * PART))
        wait_for_kill(server, number)
        child = server.child(CHILD)
        if number % 2 and child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if number % 3:
            kill(server)
        else:
            server.stop()
        for path in server.store.glob("*.parquet"):
            pq.read_table(path)
    server = logger(*ROTATE)
    wait_for_columns(server, 10)
    server.stop()
    require_right_columns(server.store)
    # A stop may cut the last line that a connection sends.
    whole = [line.message for line in stored_lines(server.store) if line.message.endswith(b"}")]
    found = [json.loads(message)["n"] for message in whole]
    assert found == sorted(set(found))


def test_figures_of_sealed_segments_are_remembered(logger):
    """Asked again, only what is new is counted."""
    server = logger(*ROTATE, *HTTP)
    server.send(records(0))
    wait_for_columns(server)
    [one] = packed(server.store)
    asked = "/api/table?q=%7C+sum+n+by+user"

    def rows() -> list[object]:
        return json.loads(client_of(server).ask(asked).body)["rows"]

    first = rows()
    # Were they read, that would be said.
    with (server.store / one.columns).open("r+b") as file:
        file.seek(1000)
        file.write(b"damage" * 1000)
    assert rows() == first
    server.send(b'{"n": 5, "user": "new"}\n')
    server.wait_until(lambda: ["new", 5] in rows(), "the new line")
