"""A process from the service's side: real ones, and some that a test speaks for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.kit.children.child_process import (
    ChildProcess,
    ChildProcesses,
    ProcessEnd,
    child_environment,
)
from logsrv.kit.children.child_side import MEMORY, NICE
from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.child_processes import Spawner
from tests.parts.reactor import logged, until

ECHO = "echoing"


class Owner:
    """The owner of one process; `ended` fires with how it ended, `first` at the first it writes."""

    def __init__(self) -> None:
        self.had = b""
        self.said: list[str] = []
        self.first: Deferred[None] = Deferred()
        self.ended: Deferred[ProcessEnd] = Deferred()
        self.child = ChildProcess(
            reactor, received=self.received, ended=self.over, said=self.said.append
        )

    def received(self, message: list[bytes]) -> None:
        self.had += b"".join(message)
        if not self.first.called:
            self.first.callback(None)

    def over(self, child: ChildProcess, end: ProcessEnd) -> None:
        assert child is self.child
        self.ended.callback(end)
        if not self.first.called:
            self.first.errback(AssertionError(f"it {end}: {end.words}"))

    def start(self, *arguments: str) -> None:
        variables = child_environment()
        here = [os.path.dirname(__file__), *filter(None, [variables.get("PYTHONPATH")])]
        variables["PYTHONPATH"] = os.pathsep.join(here)
        self.child.start(ECHO, *arguments, environment=variables)


async def test_bytes_go_in_and_out_and_its_complaints_are_lines():
    owner = Owner()
    owner.start("complain")
    owner.child.send(b"hel", b"lo\n")
    await owner.first
    owner.child.end(within=PATIENCE)
    end = await owner.ended
    assert owner.had == b"hello\n" and owner.said == ["first \\x1b", "last"]
    assert end == ProcessEnd(0, None, "last") and str(end) == "ended with status 0"
    assert owner.child.pid is None


async def test_an_interrupt_of_the_terminal_does_not_reach_a_child_that_still_imports():
    """Ctrl-C is for all processes of a terminal; later one is for this child, and ends it."""
    owner = Owner()
    owner.start("interrupted")
    await owner.first
    end = await owner.ended
    assert owner.had == b"0", "and programs that it starts inherit no blocked signal"
    assert end.words == "KeyboardInterrupt"


async def test_what_was_said_of_earlier_messages_does_not_explain_an_end():
    owner = Owner()
    owner.start("complain")
    await until(lambda: owner.said, "its first complaint")
    owner.child.send(b"hello\n")
    await owner.first
    owner.child.kill()
    assert await owner.ended == ProcessEnd(None, signal.SIGKILL, "")


async def test_large_messages_and_those_after_them_arrive_in_order():
    owner = Owner()
    owner.start("complain")
    large = bytes(range(256)) * 20_000
    owner.child.send(large, b"behind", large)
    owner.child.send(b"small")
    await until(lambda: len(owner.had) == 2 * len(large) + 11, "all of it")
    assert owner.had == large + b"behind" + large + b"small"
    owner.child.send(large)
    owner.child.end(within=PATIENCE)
    await owner.ended
    assert owner.had[-len(large) :] == large and len(owner.had) == 3 * len(large) + 11


async def test_a_child_killed_during_a_large_message_is_sent_no_more():
    owner = Owner()
    # It may be killed before it writes anything.
    owner.first.addErrback(lambda _: None)
    owner.start("deaf")
    owner.child.send(bytes(32 << 20))
    owner.child.kill()
    assert (await owner.ended).signal == signal.SIGKILL


async def test_a_child_whose_output_is_not_read_blocks():
    owner = Owner()
    owner.start("flood")
    await owner.first
    owner.child.pause()
    had = len(owner.had)
    waited: Deferred[None] = Deferred()
    reactor.callLater(0.1, waited.callback, None)  # type: ignore[attr-defined]
    await waited
    assert len(owner.had) == had
    owner.child.resume()
    await owner.ended
    assert len(owner.had) == 10 << 20


async def test_a_child_stopped_during_a_write_loses_nothing(monkeypatch):
    """By a debugger, or with its container; also where Python is told to write without buffers."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    owner = Owner()
    owner.start("flood")
    await owner.first
    owner.child.pause()
    pid = owner.child.pid
    assert pid is not None
    await deferToThread(wait_until, lambda: state_of(pid) == "S", "a pipe that is full")
    os.kill(pid, signal.SIGSTOP)
    await deferToThread(wait_until, lambda: state_of(pid) == "T", "the stop")
    os.kill(pid, signal.SIGCONT)
    owner.child.resume()
    await owner.ended
    assert len(owner.had) == 10 << 20


def state_of(pid: int) -> str:
    """Return what Linux says that a process does: R, S, T, Z."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.slow
async def test_a_kill_ends_its_family_even_if_nobody_reads():
    owner = Owner()
    owner.start("fork")
    await owner.first
    forked = int(owner.had)
    owner.child.pause()
    owner.child.kill()
    end = await owner.ended
    assert end.signal == signal.SIGKILL and str(end) == "was ended by SIGKILL"
    wait_until(lambda: not Path(f"/proc/{forked}/cmdline").exists(), "its end")


async def test_a_kill_ends_a_child_that_exited_with_unread_output():
    owner = Owner()
    owner.start("complain")
    owner.child.send(b"hel", b"lo\n")
    await owner.first
    owner.child.pause()
    owner.child.end(within=PATIENCE)
    while owner.child.pid is not None:
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]
    assert not owner.ended.called
    owner.child.kill()
    assert (await owner.ended.addTimeout(PATIENCE, reactor)).status == 0
    owner.child.kill()


async def test_a_child_that_does_not_end_in_time_is_killed():
    owner = Owner()
    owner.start("deaf")
    await owner.first
    owner.child.end(within=0.05)
    assert (await owner.ended).signal == signal.SIGKILL


def test_the_environment_of_a_child_has_no_secrets(monkeypatch):
    monkeypatch.setenv("LOGSRV_HTTP_TOKEN", "secret")
    monkeypatch.setenv("TZ", "UTC")
    spawner = Spawner()
    child = ChildProcess(spawner, received=print, ended=print)
    child.start("some.module", "argument")
    assert spawner.last.command[1:] == ["-P", "-m", "some.module", "argument"]
    assert spawner.last.env["TZ"] == "UTC" and "LOGSRV_HTTP_TOKEN" not in spawner.last.env


def test_a_named_variable_is_passed_on_but_not_one_with_its_prefix(monkeypatch):
    for name in ("AWS_REGION", "AWS_REGION_OTHER"):
        monkeypatch.setenv(name, "here")
    found = child_environment(("AWS_REGION",))
    assert found == {**child_environment(), "AWS_REGION": "here"}


def test_an_end_by_an_unknown_signal_has_its_number():
    assert str(ProcessEnd(None, 40)) == "was ended by signal 40"


def test_one_owner_stops_all_its_children():
    """They are counted, their complaints are in the log seldom, and a stop waits for the last."""
    spawner = Spawner()
    ends: list[ProcessEnd] = []
    processes = ChildProcesses(spawner, "a search says", ValueError)
    for _ in range(3):
        processes.start("m", received=print, ended=lambda _, end: ends.append(end))
    with logged() as messages:
        for process in spawner.processes:
            process.protocol.errReceived(b"it is damaged\n")
    assert messages == ["a search says: it is damaged"] and len(processes) == 3
    spawner.last.end(status=1)
    assert ends == [ProcessEnd(1, None, "it is damaged")] and len(processes) == 2
    assert not processes.stopping
    stopped = processes.stop()
    assert [one.killed for one in spawner.processes] == [True, True, False]
    assert stopped.called and processes.stopping


def test_a_failed_start_raises_the_error_of_the_owner():
    spawner = Spawner()
    spawner.full = True
    processes = ChildProcesses(spawner, "a search says", ValueError)
    with pytest.raises(ValueError, match="cannot be started: Resource temporarily unavailable"):
        processes.start("m", received=print, ended=print)
    assert processes.stop().called


INHERITED = """
import os, resource
os.dup2(0, 300)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from twisted.internet import reactor
from logsrv.kit.children.child_process import ChildProcesses

def start():
    try:
        ChildProcesses(reactor, "it says", SystemExit).start("x", received=print, ended=print)
    except SystemExit as refused:
        print(refused)
    reactor.stop()

reactor.callWhenRunning(start)
reactor.run()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="others start processes in another way")
def test_a_file_beyond_the_limit_is_said_to_be_the_reason():
    """A shell or a service manager may have left it open, and lowered the limit since."""
    command = (sys.executable, "-c", INHERITED)
    shown = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert b"beyond its limit of open files; raise that by LimitNOFILE=" in shown.stdout


SCRIPT = """
import os, resource, signal, sys
from logsrv.kit.children import child_side
child_side.{limit}()
print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_AS)[0],
      os.getpgrp() == os.getpid(), resource.getrlimit(resource.RLIMIT_CORE)[1] == 0,
      signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL, "twisted" in sys.modules)
child_side.tell_service("done")
"""


def limited(by: str) -> list[bytes]:
    script = SCRIPT.format(limit=by)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stderr == b"done\n"
    return done.stdout.split()


def test_a_child_limits_its_memory_and_priority():
    nice = b"%d" % min(19, os.nice(0) + NICE)
    assert limited("limit_reading_process") == [
        nice,
        b"%d" % MEMORY,
        b"True",
        b"True",
        b"True",
        b"False",
    ]
    assert limited("limit_process")[:3] == [nice, b"%d" % MEMORY, b"True"]
    assert limited("limit_process")[4:] == [b"False", b"False"]


SESSION = """
import os
from logsrv.kit.children.child_side import limit_process
limit_process()
print(os.getsid(0))
"""


def test_the_priority_of_a_child_counts_against_its_service():
    """Linux divides the CPU among sessions first: each gets an autogroup."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION], capture_output=True, check=True, timeout=PATIENCE
    )
    assert int(done.stdout) == os.getsid(0)


def test_a_lower_limit_of_the_whole_service_stays():
    script = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
    script += SCRIPT.format(limit="limit_reading_process")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.split()[1] == b"%d" % (1 << 30)


MORE = """
import resource
from logsrv.kit.children.child_side import limit_extra_memory
before = resource.getrlimit(resource.RLIMIT_DATA)
held = bytearray(100 << 20)
with limit_extra_memory(64 << 20):
    few = bytearray(32 << 20)
    try:
        many = bytearray(64 << 20)
    except MemoryError:
        print("no more")
many = bytearray(64 << 20)
print(before == resource.getrlimit(resource.RLIMIT_DATA))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory that is there")
def test_little_memory_limits_only_the_code_inside_it():
    done = subprocess.run(
        [sys.executable, "-c", MORE], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.split(b"\n") == [b"no more", b"True", b""]


TWO = """
import resource
from logsrv.kit.children.child_side import limit_extra_memory
limit = lambda: resource.getrlimit(resource.RLIMIT_DATA)
before = limit()
first, second = limit_extra_memory(64 << 20), limit_extra_memory(128 << 20)
first.__enter__()
low = limit()[0]
second.__enter__()
print(limit()[0] == low)
first.__exit__(None, None, None)
print(low + (32 << 20) < limit()[0] < low + (96 << 20))
second.__exit__(None, None, None)
print(limit() == before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory that is there")
def test_the_lowest_limit_of_two_threads_holds_until_its_end():
    done = subprocess.run(
        [sys.executable, "-c", TWO], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == b"True\n" * 3


def test_an_unfinished_answer_is_not_delivered():
    reader = MessageReader()
    assert list(reader.receive(b"".join(frame_parts(b"abc", b"def"))[:-1])) == []
    assert list(reader.receive(b"f")) == [[b"abcde", b"f"]]


@pytest.mark.parametrize("cut", [4, 10])
def test_an_unfinished_message_of_a_dead_service_is_dropped(cut):
    """A process that took it for a whole one would work on what nobody asked for."""
    sent = b"".join([*frame_parts(b"whole"), *frame_parts(b"halved")])[:-cut]
    done = subprocess.run(
        [sys.executable, "-m", ECHO, "complain"],
        cwd=Path(__file__).parent,
        input=sent,
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout == b"".join(frame_parts(b"whole"))
