"""`logsrv run FILE.py`: at once, and again when it is saved."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import TelnetSession, examples, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.ports import free_port
from tests.parts.warm.process import popen

SHOUT = """
from logsrv.kit import LineProtocol

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
"""
WHISPER = SHOUT.replace("upper", "lower")
SERVES = "was saved and serves now"


class Running:
    """A `logsrv run` of a file. log(): what it has printed."""

    def __init__(self, file: Path, *options: str, reactor: str = "default") -> None:
        self._log = file.with_suffix(".twistd.log")
        with self._log.open("wb") as log:
            self.process = popen(
                [*LOGSRV, "run", "--reactor", reactor, str(file), *options], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until it has printed a text so many times."""

        def look() -> bool:
            found = self.log().count(text) >= count
            assert found or self.process.poll() is None, f"it ended:\n{self.log()}"
            return found

        try:
            wait_until(look, repr(text))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def ready(self) -> Running:
        self.wait_for("serves; save it to start it again")
        return self

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


Start = Callable[..., Running]


@pytest.fixture
def running() -> Iterator[Start]:
    """Starts one; it is ended after the test."""
    started: list[Running] = []

    def start(file: Path, *options: str, **how: Any) -> Running:
        started.append(Running(file, *options, **how))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
            each.process.wait(PATIENCE)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shout(tmp_path: Path) -> Path:
    """The smallest plugin there is."""
    file = tmp_path / "shout.py"
    file.write_text(SHOUT)
    return file


def ask(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(line.encode() + b"\n")
        # The other side may have answered and closed.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        return connection.makefile("r", newline="\r\n").readline().rstrip()


def listening(port: int) -> tuple[str, str]:
    """The options of a plugin for a port."""
    return "--listen", f"tcp:{port}:interface=127.0.0.1"


pytestmark = pytest.mark.slow


def test_the_first_example_of_the_kit_page_is_a_server(running, tmp_path, port):
    """docs/kit.md begins with what works, in at most five lines."""
    page = Path(__file__).parents[2] / "docs" / "kit.md"
    example = examples(page.read_text())[0]
    assert example.name == "shout.py"
    assert len([line for line in example.code.splitlines() if line]) <= 5
    (tmp_path / "shout.py").write_text(example.code)
    running(tmp_path / "shout.py", *listening(port)).ready()
    assert ask(port, "hello") == "HELLO"


def test_nobody_is_refused_meanwhile(running, shout, port):
    """One connection after the other while it is saved several times: all are answered."""
    server = running(shout, *listening(port)).ready()
    answers: list[str] = []
    enough = threading.Event()

    def visit() -> None:
        while not enough.is_set():
            answers.append(ask(port, "Hello"))

    visitor = threading.Thread(target=visit)
    visitor.start()
    for number, code in enumerate([WHISPER, SHOUT, WHISPER]):
        shout.write_text(code)
        server.wait_for(SERVES, number + 1)
    before = len(answers)
    wait_until(lambda: len(answers) > before + 3, "answers of the last one")
    enough.set()
    visitor.join(PATIENCE)
    assert set(answers) == {"HELLO", "hello"}
    assert answers[-1] == "hello"


def test_the_new_one_serves_alone_once_that_is_said(running, shout, port):
    """On a busy machine, the one of before may go on taking connections for a while."""
    number = shout.with_suffix(".pid")
    notes = f"import os, pathlib\npathlib.Path({str(number)!r}).write_text(f'{{os.getpid()}}')\n"
    shout.write_text(SHOUT + notes)
    server = running(shout, *listening(port)).ready()
    before = int(number.read_text())
    os.kill(before, signal.SIGSTOP)
    try:
        shout.write_text(WHISPER)
        wait_until(lambda: server.log().count("is ready") == 2, "the new one")
        assert ask(port, "Hello") == "hello"
        assert SERVES not in server.log()
    finally:
        os.kill(before, signal.SIGCONT)
    server.wait_for(SERVES)


# After it has reported its stop, it has no processor until there is a file.
HELD = """
import time
from pathlib import Path
from twisted.logger import globalLogPublisher

HERE = Path(__file__).parent

def hold(event):
    if event.get("log_format") == "{name}: stopping":
        (HERE / "stopping").touch()
        while not (HERE / "enough").exists():
            time.sleep(0.01)

globalLogPublisher.addObserver(hold)
"""


def test_nobody_is_told_before_the_old_one_takes_no_more_connections(running, shout, port):
    """It accepts the waiting ones at its end, which may come late on a busy machine."""
    shout.write_text(HELD + SHOUT)
    server = running(shout, *listening(port)).ready()
    shout.write_text(WHISPER)
    wait_until((shout.parent / "stopping").exists, "the end of the old one")
    try:
        assert {ask(port, "Hello") for _ in range(30)} == {"hello"}
        assert SERVES not in server.log()
    finally:
        (shout.parent / "enough").touch()
    server.wait_for(SERVES)
    assert ask(port, "Hello") == "hello"


KEEPS = """
from pathlib import Path
from logsrv.kit import LineProtocol, protocol_plugin

STORE = Path(__file__).with_name("store")

class Kept:
    def __init__(self, service):
        self.begin()
    def begin(self):
        self.lines = STORE.read_text().split() if STORE.exists() else []
    def close(self):
        STORE.write_text(" ".join(self.lines))

class Keeps(LineProtocol):
    def line_received(self, line):
        self.service.state.lines.append(line)
        self.send_line(" ".join(self.service.state.lines))

keeps = protocol_plugin("keeps", Keeps, state=Kept, listen="tcp:7000")
"""


def test_a_state_reads_what_the_one_before_has_written(running, tmp_path, port):
    """The old process has ended by then; nobody is refused meanwhile."""
    file = tmp_path / "keeps.py"
    file.write_text(KEEPS)
    server = running(file, *listening(port)).ready()
    answers: list[str] = []
    enough = threading.Event()

    # Each answer has all words before it: those of thousands take seconds of CPU.
    def visit() -> None:
        while not enough.wait(0.005):
            answers.append(ask(port, f"{len(answers)}"))

    visitor = threading.Thread(target=visit)
    visitor.start()
    for number in (1, 2, 3):
        file.write_text(f"{KEEPS}# {number}\n")
        server.wait_for(SERVES, number)
    enough.set()
    visitor.join(PATIENCE)
    expected = [" ".join(map(str, range(number + 1))) for number in range(len(answers))]
    assert answers == expected


@pytest.mark.complains("keeps cannot start")
def test_an_error_in_the_file_ends_no_state(running, tmp_path, port):
    """It is found before the old process has to end."""
    file = tmp_path / "keeps.py"
    file.write_text(KEEPS)
    server = running(file, *listening(port)).ready()
    assert ask(port, "one") == "one"
    file.write_text(KEEPS.replace("class Kept:", "class Kept"))
    server.wait_for("the old process continues to serve")
    assert ask(port, "two") == "one two"
    file.write_text(KEEPS.replace("self.begin()", "1 / 0"))
    server.wait_for("does not serve; save it to try again")
    file.write_text(f"{KEEPS}#\n")
    server.wait_for(SERVES)
    assert ask(port, "three") == "one two three"


@pytest.mark.long
def test_one_that_hangs_is_ended_for_the_new_one(running, shout, port):
    """It would go on for ever."""
    shout.write_text(SHOUT.replace("self.send_line(line.upper())", "import time; time.sleep(600)"))
    server = running(shout, *listening(port)).ready()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"hang\n")
        shout.write_text(WHISPER)
        server.wait_for(SERVES)
        assert connection.recv(1) == b""
    assert ask(port, "Hello") == "hello"


def test_a_neighbour_that_is_imported_is_watched_too(running, tmp_path, port):
    file = tmp_path / "shout.py"
    (tmp_path / "voice.py").write_text("voice = str.upper\n")
    file.write_text("import voice\n" + SHOUT.replace("line.upper()", "voice.voice(line)"))
    server = running(file, *listening(port)).ready()
    (tmp_path / "voice.py").write_text("voice = str.lower\n")
    server.wait_for("shout.py serves now as it is: voice.py was saved")
    assert ask(port, "Hello") == "hello"


def test_the_plugin_file_of_a_project_is_watched_too(running, tmp_path, port):
    """As `logsrv new` writes it: a folder `twisted/plugins` that is no package."""
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    plugin = (
        SHOUT + 'from logsrv.kit import protocol_plugin\nshout = protocol_plugin("shout", Shout)\n'
    )
    (plugins / "watched_plugin.py").write_text(plugin)
    (tmp_path / "dev.py").write_text("from twisted.plugins.watched_plugin import shout\n")
    server = running(tmp_path / "dev.py", *listening(port)).ready()
    assert ask(port, "Hello") == "HELLO"
    (plugins / "watched_plugin.py").write_text(plugin.replace("upper", "lower"))
    server.wait_for("dev.py serves now as it is: watched_plugin.py was saved")
    assert ask(port, "Hello") == "hello"


def test_a_mistake_that_the_kit_knows_is_a_sentence(running, shout, port):
    server = running(shout, *listening(port)).ready()
    framing = "class Cut:\n    def __init__(self, most): pass\n"
    shout.write_text(
        f"from logsrv.kit import FrameProtocol\n{framing}"
        "class Frames(FrameProtocol):\n    framing = Cut\n"
    )
    server.wait_for("shout.py cannot be loaded: Frames.framing: an object of Cut has no receive")
    assert "Traceback" not in server.log()


@pytest.mark.complains("nothing_of_that_name")
def test_errors_keep_the_old_one_serving(running, shout, port):
    server = running(shout, *listening(port)).ready()
    wrong = {
        SHOUT + "x = (\n": "SyntaxError: '(' was never closed",
        SHOUT + "import nothing_of_that_name\n": "ModuleNotFoundError: No module named",
        "x = 1\n": "shout.py has nothing to serve",
        SHOUT + "class Other(LineProtocol): pass\n": "more than one thing to serve (Shout, Other)",
    }
    for count, (code, said) in enumerate(wrong.items(), 1):
        shout.write_text(code)
        server.wait_for("shout.py the old process continues to serve", count)
        server.wait_for(said)
        assert ask(port, "Hello") == "HELLO"
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(port, "Hello") == "hello"


def test_an_error_in_a_module_named_as_text_keeps_a_state_serving(running, tmp_path, port):
    """As in a project of `logsrv new`: the file itself loads, a module of its package does not."""
    package = tmp_path / "named"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "protocol.py").write_text(SHOUT)
    state = package / "state.py"
    state.write_text("def state(service): pass\n")
    (tmp_path / "dev.py").write_text(
        "from logsrv.kit import protocol_plugin\n"
        "plugin = protocol_plugin("
        "'named', 'named.protocol:Shout', state='named.state:state')\n"
    )
    server = running(tmp_path / "dev.py", *listening(port)).ready()
    assert ask(port, "Hello") == "HELLO"
    state.write_text("x = (\n")
    server.wait_for("dev.py the old process continues to serve")
    server.wait_for("named.state cannot be imported: SyntaxError: '(' was never closed")
    assert ask(port, "Hello") == "HELLO"


def test_an_open_connection_outlives_an_error_and_ends_with_its_process(running, shout, port):
    """Which is told to end, and not killed."""
    parted = shout.parent / "parted"
    notes = f"    def connection_lost(self, reason):\n        open({str(parted)!r}, 'w').close()\n"
    shout.write_text(SHOUT + notes)
    server = running(shout, *listening(port)).ready()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as old:
        shout.write_text("x = (\n")
        server.wait_for("shout.py the old process continues to serve")
        old.sendall(b"Hello\n")
        assert old.recv(100) == b"HELLO\r\n"
        shout.write_text(WHISPER)
        old.sendall(b"Once more\n")
        server.wait_for(SERVES)
        assert old.makefile("rb").read() == b"ONCE MORE\r\n"
        wait_until(parted.exists, "the end of its own")


def test_a_file_that_never_ends_loading_can_be_saved_again(running, shout, port):
    server = running(shout, *listening(port)).ready()
    begun = shout.parent / "begun"
    shout.write_text(f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(1000)\n")
    wait_until(begun.exists, "its beginning")
    assert ask(port, "Hello") == "HELLO"
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(port, "Hello") == "hello"


def test_a_listener_that_the_file_takes_out_is_closed(running, shout):
    plugin = "from logsrv.kit import protocol_plugin\n" + SHOUT
    places = [str(shout.parent / name) for name in ("one", "two")]
    listen = (
        f"\nshout = protocol_plugin('shout', Shout, listen={[f'unix:{one}' for one in places]})\n"
    )
    shout.write_text(plugin + listen)
    server = running(shout).ready()
    shout.write_text(plugin + listen.replace(f"'unix:{places[0]}', ", ""))
    server.wait_for(SERVES)
    with TelnetSession(places[1]) as session:
        session.send("Hello")
        session.expect("HELLO")

    def is_refused() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(places[0]) in (errno.ECONNREFUSED, errno.ENOENT)

    wait_until(is_refused, "the end of the first listener")


def test_the_command_ends_with_its_terminal(shout, port):
    words = (*LOGSRV, "run", str(shout), *listening(port))
    with AtTerminal(*words, environment={}) as terminal:
        terminal.expect("serves; save it")
        terminal.hang_up()
        terminal.process.wait(PATIENCE)


def test_asyncio_is_awaited_under_its_reactor(running, shout, port):
    shout.write_text(
        "import asyncio\n"
        "async def handle(connection):\n"
        "    await asyncio.sleep(0)\n"
        "    connection.send_line('awaited')\n"
    )
    running(shout, *listening(port), reactor="asyncio").ready()
    assert ask(port, "Hello") == "awaited"


def test_a_file_that_is_wrong_from_the_start_can_be_repaired(running, shout, port):
    shout.write_text("x = (\n")
    server = running(shout, *listening(port))
    server.wait_for("shout.py does not serve; save it to try again")
    shout.write_text(SHOUT)
    server.wait_for("serves; save it")
    assert ask(port, "Hello") == "HELLO"


def test_a_unix_socket_survives_a_save_and_goes_at_the_end(running, shout):
    """It stays where it is, and is gone at the end."""
    path = shout.parent / "s"
    server = running(shout, "--listen", f"unix:{path}").ready()
    inode = path.stat().st_ino
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    with TelnetSession(str(path)) as session:
        session.send("Hello")
        session.expect("hello")
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o660
    assert server.end() == 0
    assert not path.exists()


def test_a_datagram_plugin_starts_again_on_its_port(running, tmp_path):
    file = tmp_path / "shout.py"
    code = (
        "from logsrv.kit import DatagramLines\n"
        "class Shout(DatagramLines):\n"
        "    def line_received(self, line, peer):\n"
        "        self.send_line(line.upper(), peer)\n"
    )
    file.write_text(code)
    port = free_port(socket.SOCK_DGRAM)
    server = running(file, "--listen", f"udp:{port}:interface=127.0.0.1").ready()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        client.send(b"Hello")
        assert client.recv(100) == b"HELLO\r\n"
        file.write_text(code.replace("upper", "lower"))
        server.wait_for(SERVES)
        client.send(b"Hello")
        assert client.recv(100) == b"hello\r\n"


def test_a_plugin_that_ends_is_started_when_saved(running, shout, port):
    """Who connects meanwhile waits, and is served."""
    shout.write_text(SHOUT.replace("self.send_line", "__import__('os')._exit(7) #"))
    server = running(shout, *listening(port)).ready()
    assert ask(port, "die") == ""
    server.wait_for("ended with status 7")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as waiting:
        waiting.sendall(b"Hello\n")
        shout.write_text(SHOUT)
        assert waiting.recv(100) == b"HELLO\r\n"


def test_options_behind_the_file_are_the_plugins(shout):
    shown = logsrv("run", str(shout), "--help")
    assert shown.stdout.startswith(b"Usage: logsrv run shout.py [options]\n")
    assert shown.returncode == 0
    assert b"--max-connections-per-peer" in shown.stdout


def test_a_wrong_option_is_reported(shout):
    shown = logsrv("run", str(shout), "--listn", "tcp:1")
    assert shown.returncode == 1
    assert b"shout: --listn" in shown.stderr
    assert shown.stderr.count(b"\n") == 1


def test_a_port_in_use_ends_the_command(shout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = logsrv("run", str(shout), "--listen", f"tcp:{port}:interface=127.0.0.1")
    assert shown.returncode == 1
    assert b"the port is in use by another program" in shown.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no.py", b"no.py is not there"),
        (".", b". is no Python file"),
        ("x.txt", b"x.txt is no Python file"),
    ],
)
def test_a_missing_file_is_reported(tmp_path, name, sentence):
    (tmp_path / "x.txt").write_text(SHOUT)
    shown = logsrv("run", name, directory=tmp_path)
    assert shown.returncode == 1
    assert sentence in shown.stderr


def test_no_child_is_left_when_the_parent_is_killed(running, shout, port):
    """Even by kill -9: the child ends by itself."""
    server = running(shout, *listening(port)).ready()
    server.process.kill()
    server.process.wait(PATIENCE)

    def refused() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED

    wait_until(refused, "the child's end")
