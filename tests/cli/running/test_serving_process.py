"""The process that serves, as its parent sees it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ReactorNotRunning
from twisted.logger import LogLevel, PredicateResult
from twisted.python.failure import Failure

from logsrv.cli.running.run import REACTORS, USUAL
from logsrv.cli.running.serving_process import (
    CANNOT_START,
    NOT_RUNNABLE,
    ChatterFilter,
    ParentChannel,
    ServingService,
    files_within,
)
from logsrv.cli.running.supervisor import ChildMessages
from logsrv.errors import StartError
from logsrv.kit.testing.patience import PATIENCE

SHOUT = "from logsrv.kit import LineProtocol\nclass Shout(LineProtocol): pass\n"

LATER = """
import asyncio
from logsrv.kit import LineProtocol

class Later(LineProtocol):
    async def line_received(self, line):
        await asyncio.sleep(0.001)
        self.send_line(line.upper())
"""


def child(
    file: Path, *options: str, reactor: str = USUAL
) -> tuple[subprocess.Popen[bytes], socket.socket, ChildMessages]:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "logsrv.cli.running.serving_process"),
            *(str(theirs.fileno()), "{}", "false", REACTORS[reactor], str(file), *options),
        ],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    return process, ours, ChildMessages(ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "options", "status"),
    [("x = (", [], NOT_RUNNABLE), (SHOUT, ["--listen", "nowhere"], CANNOT_START)],
)
def test_the_status_tells_whose_fault(tmp_path, code, options, status):
    """A file can be repaired and saved; options stay as they are."""
    file = tmp_path / "shout.py"
    file.write_text(code)
    process, channel, messages = child(file, *options)
    assert messages.receive(PATIENCE) == {"files": [str(file)]}
    assert messages.receive(PATIENCE) is None
    assert process.wait(PATIENCE) == status
    channel.close()


@pytest.mark.slow
def test_asyncio_is_awaited_where_its_reactor_was_asked_for(tmp_path):
    file = tmp_path / "later.py"
    file.write_text(LATER)
    process, channel, messages = child(
        file, "--listen", "tcp:0:interface=127.0.0.1", reactor="asyncio"
    )
    assert messages.receive(PATIENCE) == {"files": [str(file)]}
    assert messages.receive(PATIENCE) == {"loaded": False}
    channel.sendall(b"g")
    serving = messages.receive(PATIENCE)
    assert serving is not None and serving["serving"] == ["tcp:127.0.0.1:0#0"]
    (descriptor,) = messages.descriptors
    with socket.socket(fileno=descriptor) as listening:
        peer = socket.create_connection(listening.getsockname(), PATIENCE)
    with peer:
        peer.sendall(b"hello\n")
        assert peer.makefile("rb").readline() == b"HELLO\r\n"
    channel.close()
    assert process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_a_child_serves_when_told_and_ends_with_its_parent(tmp_path):
    file = tmp_path / "shout.py"
    file.write_text(SHOUT)
    process, channel, messages = child(file, "--listen", "tcp:0:interface=127.0.0.1")
    assert messages.receive(PATIENCE) == {"files": [str(file)]}
    assert messages.receive(PATIENCE) == {"loaded": False}
    channel.sendall(b"g")
    assert (serving := messages.receive(PATIENCE)).pop("at")
    assert serving == {"serving": ["tcp:127.0.0.1:0#0"]}
    (descriptor,) = messages.descriptors
    with socket.socket(fileno=descriptor) as listening:
        socket.create_connection(listening.getsockname(), PATIENCE).close()
    channel.close()
    assert process.wait(PATIENCE) == 0


def test_only_the_authors_files_are_watched(tmp_path):
    """What the author wrote, not what is installed."""
    own = tmp_path / "voice.py"
    own.write_text("")
    files = {str(own), socket.__file__, None, "<frozen x>", str(tmp_path / "gone.py")}
    assert files_within(files, tmp_path) == {str(own)}


class Reactor:
    """A reactor in which what a test puts into `turns` happens."""

    def __init__(self) -> None:
        self.used: dict[str, Any] = {}
        self.turns: list[Any] = []
        self.running = False
        self.before: Any = None

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:
        self.before = function

    def addReader(self, channel: ParentChannel) -> None:
        self.channel = channel

    def removeReader(self, channel: ParentChannel) -> None: ...

    def callLater(self, seconds: float, function: Any) -> None:
        self.turns.append(function)

    def run(self) -> None:
        self.running = True
        while self.turns:
            self.turns.pop(0)()

    def stop(self) -> None:
        if not self.running:
            raise ReactorNotRunning
        self.running = False
        self.before()


class Service:
    """A service that is ready when a test says so."""

    addresses = ("127.0.0.1:7000",)

    def __init__(self) -> None:
        self.launch: object = "of twistd"
        self.readiness: Deferred[None] = Deferred()
        self.calls: list[str] = []

    def privilegedStartService(self) -> None:
        self.calls.append("bound")

    def startService(self) -> None:
        self.calls.append("started")

    def stopService(self) -> Deferred[None]:
        self.calls.append("stopped")
        return succeed(None)

    def when_ready(self) -> Deferred[None]:
        return self.readiness


@pytest.fixture
def ends() -> Iterator[tuple[ParentChannel, ChildMessages]]:
    """What the child has of the channel, and what the parent reads of it."""
    ours, theirs = socket.socketpair()
    channel = ParentChannel(ours)
    yield channel, ChildMessages(theirs)
    channel.close()
    theirs.close()


def test_messages_arrive_one_by_one(ends):
    channel, messages = ends
    assert messages.receive(0) == {}
    channel.send({"files": ["a\n", "ü"]})
    channel.send({"loaded": False})
    assert messages.receive(PATIENCE) == {"files": ["a\n", "ü"]}
    assert messages.receive(0) == {"loaded": False}
    channel.close()
    assert messages.receive(PATIENCE) is None


def test_sockets_come_with_a_message(ends):
    channel, messages = ends
    with socket.create_server(("127.0.0.1", 0)) as listening:
        channel.send({"serving": ["x"]}, [listening.fileno()])
        assert messages.receive(PATIENCE) == {"serving": ["x"]}
        (descriptor,) = messages.descriptors
        with socket.socket(fileno=descriptor) as same:
            assert same.getsockname() == listening.getsockname()


def test_a_large_message_is_put_together(ends):
    channel, messages = ends
    files = [f"/a/path/of/some/length/{number}" for number in range(2000)]
    sender = threading.Thread(target=channel.send, args=(files,))
    sender.start()
    while (received := messages.receive(PATIENCE)) == {}:
        pass
    assert received == files
    sender.join()


def test_the_parent_hears_that_it_serves_and_has_left(ends):
    channel, messages = ends
    service, reactor, chatter = Service(), Reactor(), ChatterFilter(quiet=True)
    reactor.turns = [
        lambda: service.readiness.callback(None),
        lambda: reactor.channel.connectionLost(Failure(ConnectionDone())),
    ]
    ServingService(service, channel, reactor, chatter).run()
    assert service.calls == ["bound", "started", "stopped"]
    assert messages.receive(PATIENCE) == {"serving": [], "at": ["127.0.0.1:7000"]}
    assert messages.receive(PATIENCE) is None
    # Its successor says enough.
    assert chatter.quiet


def test_an_error_at_the_start_is_raised(ends):
    service, reactor = Service(), Reactor()
    reactor.turns = [lambda: service.readiness.errback(StartError("no database"))]
    with pytest.raises(StartError, match="no database"):
        ServingService(service, ends[0], reactor, ChatterFilter(quiet=False)).run()
    assert service.calls == ["bound", "started", "stopped"]


def test_the_end_of_the_parent_while_it_ends_is_no_error(ends):
    service, reactor = Service(), Reactor()
    reactor.turns = [
        lambda: reactor.stop(),
        lambda: reactor.channel.connectionLost(Failure(ConnectionDone())),
    ]
    ServingService(service, ends[0], reactor, ChatterFilter(quiet=False)).run()
    assert service.calls == ["bound", "started", "stopped"]


CHATTER = [
    ("logsrv.kit.service.service", "shout is ready"),
    ("twisted.internet.base", "Main loop terminated."),
    ("log_legacy", "(TCP Port 7000 Closed)"),
    ("log_legacy", "tcp:7000 starting on 7000"),
]


def event(namespace: str, text: str, level: Any = LogLevel.info) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level, "log_format": text}


@pytest.mark.parametrize(("namespace", "text"), CHATTER)
def test_starts_and_stops_are_kept_back_while_it_is_quiet(namespace, text):
    chatter = ChatterFilter(quiet=True)
    assert chatter(event(namespace, text)) is PredicateResult.no
    assert chatter(event(namespace, text, LogLevel.warn)) is PredicateResult.maybe
    chatter.quiet = False
    assert chatter(event(namespace, text)) is PredicateResult.maybe


@pytest.mark.parametrize("namespace", ["shout", "log_legacy", "logsrv.kit.observe.peer_log"])
def test_what_the_author_logs_is_shown(namespace):
    assert ChatterFilter(quiet=True)(event(namespace, "hello")) is PredicateResult.maybe
