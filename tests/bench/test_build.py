"""The two C programs: that they compile, and that between them no line is lost or changed."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest

from bench import proc
from bench.build import FLAGS, HERE, BuildError, build
from bench.child import Sent, loading, running
from logsrv.kit.testing.patience import PATIENCE
from tests.ports import free_port

# So many wait at a socket with the usual buffer: a sink that is held up loses none.
DATAGRAMS = 400
NAME = len("b000001c0000l0000")


@attrs.define
class RunningSink:
    """A sink that listens on all three wires."""

    programs: Path
    output: Path
    tcp: str
    udp: str
    path: str

    def send(self, mode: str, target: str, **options: str | int) -> tuple[Sent, list[bytes]]:
        """Put a load on it; what was reported, and what is stored after so many lines."""
        words = [f"--{name}" + (f"={value}" if value else "") for name, value in options.items()]
        with loading(self.programs / "load", [mode, target, *words]) as load:
            sent = load.wait_sent()
            return sent, self.stored(sent.lines)

    def stored(self, count: int) -> list[bytes]:
        deadline = time.monotonic() + PATIENCE
        while len(lines := self.output.read_bytes().split(b"\n")[:-1]) < count:
            assert time.monotonic() < deadline, f"{len(lines)} of {count} lines after {PATIENCE} s"
            time.sleep(0.01)
        return lines


@pytest.fixture
def sink(programs: Path, tmp_path: Path) -> Iterator[RunningSink]:
    tcp, udp = str(free_port()), str(free_port(socket.SOCK_DGRAM))
    path = str(tmp_path / "s")
    output = tmp_path / "out"
    command = [str(programs / "sink"), f"--out={output}"]
    command += [f"--tcp={tcp}", f"--udp={udp}", f"--unix={path}"]
    # The UNIX socket is the last it opens.
    with running(command, {}, tmp_path / "said", partial(proc.is_bound, "unix", path)):
        yield RunningSink(programs, output, tcp, udp, path)


def messages(lines: list[bytes]) -> list[bytes]:
    """Without TIME and SOURCE."""
    return [line.split(b" ", 2)[2] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["plain", "crlf", "utf8", "control"])
@pytest.mark.parametrize(("connections", "size"), [(1, 100), (8, 20), (50, 1000), (3, 65536)])
def test_each_line_arrives_once_and_whole(
    sink: RunningSink, variant: str, connections: int, size: int
) -> None:
    """As many different lines as were sent, each as long as was asked for."""
    lines = 20_000 if size <= 1000 else 50
    sent, stored = sink.send(
        "stream",
        f"tcp:{sink.tcp}",
        lines=lines,
        size=size,
        connections=connections,
        variant=variant,
    )
    assert sent.lines == len(stored) == lines and sent.bytes == lines * size
    assert {len(message) for message in messages(stored)} == {size - 1}
    assert len({message[:NAME] for message in messages(stored)}) == lines
    odd = sum(b"\x1b" in line for line in stored)
    assert 0.005 * lines < odd < 0.02 * lines if (variant, size) == ("control", 100) else True
    assert all(line.endswith(b"\r") is (variant == "crlf") for line in stored)
    assert b"\n".join(stored).decode("utf-8").isascii() is (variant != "utf8" or size == 20)


@pytest.mark.slow
def test_lines_of_a_connection_stay_in_order(sink: RunningSink) -> None:
    """Block and line numbers only grow, also where the kernel took part of a block."""
    _, stored = sink.send("stream", f"unix:{sink.path}", lines=200_000, connections=4)
    names = [message[:NAME].decode() for message in messages(stored)]
    for connection in {name[7:12] for name in names}:
        own = [name for name in names if name[7:12] == connection]
        assert own == sorted(own) and len(own) == 50_000


@pytest.mark.slow
def test_stream_over_a_unix_socket_ends_only_when_all_is_sent(sink: RunningSink) -> None:
    """The hang-up of a connection that is done is not taken for the end of another."""
    for number in range(1, 4):
        sink.send("stream", f"unix:{sink.path}", lines=30_001, connections=16)
        assert len(sink.stored(number * 30_001)) == number * 30_001


def test_datagrams_are_one_line_each(sink: RunningSink) -> None:
    sent, stored = sink.send("udp", f"udp:{sink.udp}", lines=DATAGRAMS, size=100, rate=50_000)
    assert {len(message) for message in messages(stored)} == {100}
    assert sent.lines == len(stored) == DATAGRAMS
    assert stored[0].split(b" ")[1].startswith(b"udp:127.")


def test_datagrams_sent_one_by_one_arrive_as_the_others(sink: RunningSink) -> None:
    options: dict[str, str | int] = {"lines": DATAGRAMS, "rate": 50_000, "separate": ""}
    sent, stored = sink.send("udp", f"udp:{sink.udp}", **options)
    assert not sent.segmented and sent.lines == len({line[-100:] for line in stored}) == DATAGRAMS


def test_datagrams_keep_to_the_rate_they_are_offered_at(sink: RunningSink) -> None:
    sent, _ = sink.send("udp", f"udp:{sink.udp}", lines=DATAGRAMS, rate=1_500)
    assert sent.end - sent.start > 0.24


def test_marked_lines_carry_the_time_they_were_sent(sink: RunningSink) -> None:
    sent, stored = sink.send("slow", f"tcp:{sink.tcp}", connections=20, seconds=1)
    times = [int(line.rpartition(b"=")[2]) / 1e9 for line in stored]
    assert sent.lines == len(times) == 20 and times == sorted(times)
    assert sent.start - 0.001 <= times[0] and times[-1] <= sent.end + 0.001


def test_unfinished_last_line_is_stored(sink: RunningSink) -> None:
    with socket.create_connection(("127.0.0.1", int(sink.tcp))) as peer:
        peer.sendall(b"one\ntwo")
    assert messages(sink.stored(2)) == [b"one", b"two"]


def test_a_line_without_end_is_cut_and_nothing_of_it_lost(sink: RunningSink) -> None:
    """However much of it is received at a time."""
    with socket.create_connection(("127.0.0.1", int(sink.tcp))) as peer:
        peer.sendall(b"first\n" + bytes(1_000_000).replace(b"\0", b"x") + b"\nlast\n")
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1)
    lines = messages(sink.output.read_bytes().split(b"\n")[:-1])
    assert (lines[0], lines[-1], len(b"".join(lines[1:-1]))) == (b"first", b"last", 1_000_000)


def test_load_refuses_what_it_cannot_send(programs: Path) -> None:
    """A sentence and status 1, before anything is sent."""
    for words, said in (
        (["stream", "tcp:1", "--size", "5"], b"a line of 5 bytes: 20 to 65536 are possible"),
        (["stream", "sctp:1"], b"the target sctp:1 is not tcp:PORT"),
        (["stream", "tcp:1", "--variant", "odd"], b"the variant odd is not plain"),
    ):
        done = subprocess.run([programs / "load", *words], capture_output=True)
        assert done.returncode == 1 and said in done.stderr


@pytest.mark.slow
def test_the_sources_compile_without_a_warning(programs: Path, tmp_path: Path) -> None:
    for name in ("load", "sink"):
        command = ["cc", *FLAGS, "-Werror", "-o", str(tmp_path / name), str(HERE / f"{name}.c")]
        assert subprocess.run(command, capture_output=True).stderr == b""


def test_without_a_compiler_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(BuildError, match="cc is not on PATH"):
        build("sink", tmp_path / "out")
