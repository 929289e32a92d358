"""`logsrv run FILE.py`: at once, and again when it is saved."""

import errno
import signal
import socket
import threading
from pathlib import Path

import pytest

from logsrv.kit.testing import TelnetSession, examples, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.cli.conftest import LOOPBACK, SERVES, SHOUT, WHISPER, ask
from tests.parts.commands import logsrv
from tests.parts.ports import free_port

pytestmark = pytest.mark.slow


def test_five_lines_are_a_server(running, shout):
    server = running(shout, *LOOPBACK).ready()
    with TelnetSession(server.port) as session:
        session.send("hello")
        session.expect("HELLO")
    assert server.end() == 0


def test_the_first_example_of_the_kit_page_is_a_server(running, tmp_path):
    """docs/kit.md begins with what works, in at most five lines."""
    page = Path(__file__).parents[3] / "docs" / "kit.md"
    example = examples(page.read_text())[0]
    assert example.name == "shout.py"
    assert len([line for line in example.code.splitlines() if line]) <= 5
    (tmp_path / "shout.py").write_text(example.code)
    assert ask(running(tmp_path / "shout.py", *LOOPBACK).ready().port, "hello") == "HELLO"


def test_a_function_is_enough_for_a_server(running, tmp_path):
    file = tmp_path / "count.py"
    file.write_text(
        "async def handle(connection):\n"
        "    async for line in connection:\n"
        "        connection.send_line(str(len(line)))\n"
    )
    assert ask(running(file, *LOOPBACK).ready().port, "hello") == "5"


def test_saving_the_file_starts_the_plugin_again(running, shout):
    """On the same port, as the socket stays open."""
    server = running(shout, *LOOPBACK).ready()
    assert ask(server.port, "Hello") == "HELLO"
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"


def test_nobody_is_refused_meanwhile(running, shout):
    """One connection after the other while it is saved several times: all are answered."""
    server = running(shout, *LOOPBACK).ready()
    answers: list[str] = []
    enough = threading.Event()

    def visit() -> None:
        while not enough.is_set():
            answers.append(ask(server.port, "Hello"))

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


def test_a_neighbour_that_is_imported_is_watched_too(running, tmp_path):
    file = tmp_path / "shout.py"
    (tmp_path / "voice.py").write_text("voice = str.upper\n")
    file.write_text("import voice\n" + SHOUT.replace("line.upper()", "voice.voice(line)"))
    server = running(file, *LOOPBACK).ready()
    (tmp_path / "voice.py").write_text("voice = str.lower\n")
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"


def test_neighbours_may_have_names_of_standard_modules(running, tmp_path):
    """The author's files get the author's, and nobody else does: the server goes on working."""
    names = ["json", "types", "queue", "logging", "typing", "attr"]
    file = tmp_path / "shout.py"
    for name in names:
        (tmp_path / f"{name}.py").write_text("voice = str.upper\n")
    imports = [f"import {name}\nfrom {name} import voice as {name}_voice\n" for name in names]
    said = "".join(f" + {name}_voice('a') + {name}.voice('b')" for name in names)
    file.write_text("".join(imports) + SHOUT.replace("line.upper()", f"line{said}"))
    server = running(file, *LOOPBACK, directory=tmp_path).ready()
    assert ask(server.port, "Hello") == "Hello" + "AB" * len(names)
    for name in names:
        (tmp_path / f"{name}.py").write_text("voice = str.lower\n")
    wait_until(
        lambda: ask(server.port, "Hello") == "Hello" + "ab" * len(names), "all in lower case"
    )


@pytest.mark.complains("has no attribute 'nothing'")
def test_a_traceback_shows_what_ran(running, shout):
    """Not what was saved since, for a connection of before."""
    shout.write_text(SHOUT.replace("upper())", "nothing())  # what ran"))
    server = running(shout, *LOOPBACK).ready()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as old:
        old.sendall(b"never ended")
        shout.write_text(WHISPER.replace("lower())", "lower())  # what did not run"))
        old.sendall(b"\n")
        server.wait_for("AttributeError")
    server.wait_for("self.send_line(line.nothing())  # what ran")
    assert "what did not run" not in server.log()


def test_each_save_logs_one_line(running, shout):
    """With the place if that has changed; what the author logs is shown as ever."""
    server = running(shout, *LOOPBACK).ready()
    before = len(server.log().splitlines())
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    ask(server.port, "Hello")
    shout.write_text(SHOUT + "from twisted.logger import Logger\nLogger().info('mine')\n")
    server.wait_for(SERVES, 2)
    ask(server.port, "Hello")
    said = server.log().splitlines()[before:]
    assert [line for line in said if "mine" not in line] == [
        "logsrv run: shout.py was saved and serves now as it is"
    ] * 2
    assert len(said) == 3


def test_a_deleted_file_is_reported_and_the_old_plugin_serves(running, shout):
    """It is said, once; the one of before serves until it is there again."""
    server = running(shout, *LOOPBACK).ready()
    shout.unlink()
    server.wait_for("shout.py was deleted; the old one goes on serving; save it again")
    assert ask(server.port, "Hello") == "HELLO"
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"
    assert server.log().count("was deleted") == 1


def test_a_neighbour_no_longer_imported_may_be_deleted(running, tmp_path):
    """It is deleted, the file saved without it: that is taken."""
    file, voice = tmp_path / "shout.py", tmp_path / "voice.py"
    voice.write_text("")
    file.write_text("import voice\n" + SHOUT)
    server = running(file, *LOOPBACK).ready()
    voice.unlink()
    file.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"


def test_sighup_reads_the_configuration_again(running, shout):
    """By a start anew. Listeners that it adds outlive the next save; those that it takes out are gone."""

    def listen(*sockets: str) -> None:
        places = ", ".join(f'"unix:{shout.parent / name}"' for name in sockets)
        config.write_text(f"listen = [{places}]\n")

    def speak(name: str) -> str | None:
        with TelnetSession(str(shout.parent / name)) as session:
            session.send("Hello")
            return session.read_line()

    config = shout.parent / "shout.toml"
    listen("one")
    server = running(shout, "--config", str(config)).ready()
    listen("one", "two")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("was started again and serves now")
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert (speak("one"), speak("two")) == ("hello", "hello")
    listen("two")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("was started again and serves now", 2)
    shout.write_text(SHOUT)
    server.wait_for(SERVES, 2)
    assert speak("two") == "HELLO"
    assert not (shout.parent / "one").exists()


@pytest.mark.complains("nothing_of_that_name")
def test_errors_keep_the_old_one_serving(running, shout):
    server = running(shout, *LOOPBACK).ready()
    wrong = {
        SHOUT + "x = (\n": "SyntaxError: '(' was never closed",
        SHOUT + "import nothing_of_that_name\n": "ModuleNotFoundError: No module named",
        "x = 1\n": "shout.py has nothing to serve",
        SHOUT + "class Other(LineProtocol): pass\n": "more than one protocol (Shout, Other)",
    }
    for count, (code, said) in enumerate(wrong.items(), 1):
        shout.write_text(code)
        server.wait_for("the old shout.py goes on serving", count)
        server.wait_for(said)
        assert ask(server.port, "Hello") == "HELLO"
    shout.write_text(WHISPER)
    server.wait_for(SERVES)
    assert ask(server.port, "Hello") == "hello"


def test_a_file_that_is_wrong_from_the_start_can_be_repaired(running, shout):
    shout.write_text("x = (\n")
    server = running(shout, *LOOPBACK)
    server.wait_for("nothing serves now; save shout.py to try again")
    shout.write_text(SHOUT)
    server.wait_for("serves; save it")
    assert ask(server.port, "Hello") == "HELLO"


def test_an_old_connection_is_answered_by_the_old_code(running, shout):
    """What it has sent already is answered, by the code of then."""
    server = running(shout, *LOOPBACK).ready()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as old:
        old.sendall(b"Hello\n")
        assert old.recv(100) == b"HELLO\r\n"
        shout.write_text(WHISPER)
        old.sendall(b"Once more\n")
        server.wait_for(SERVES)
        assert old.makefile("rb").read() == b"ONCE MORE\r\n"


NAMED = """
from logsrv.kit import protocol_plugin
shout = protocol_plugin("shout", Shout, listeners={"other": Shout}, listen=())
"""


@pytest.mark.parametrize("more", ["", NAMED], ids=["one protocol", "named listeners"])
def test_a_unix_socket_survives_a_save_and_goes_at_the_end(running, shout, more):
    """It stays where it is, and is gone at the end."""
    path, gone = shout.parent / "s", shout.parent / "gone"
    at_the_end = f"import atexit, os\natexit.register(os.mkdir, {str(gone)!r})\n"
    shout.write_text(SHOUT + at_the_end + more)
    server = running(shout, "--listen", f"unix:{path}").ready()
    inode = path.stat().st_ino
    shout.write_text(WHISPER + more)
    server.wait_for(SERVES)
    with TelnetSession(str(path)) as session:
        session.send("Hello")
        session.expect("hello")
    wait_until(gone.exists, "the end of the one of before")
    with TelnetSession(str(path)) as session:
        session.send("Once more")
        session.expect("once more")
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o660
    assert server.end() == 0
    assert not path.exists()


def test_a_datagram_plugin_starts_again_on_its_port(running, tmp_path):
    """The one of before ends first; the port is the same."""
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


def test_a_plugin_that_ends_is_started_when_saved(running, shout):
    """Who connects meanwhile waits, and is served."""
    shout.write_text(SHOUT.replace("self.send_line", "__import__('os')._exit(7) #"))
    server = running(shout, *LOOPBACK).ready()
    port = server.port
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
    [("no.py", b"no.py is not there"), (".", b". is no file"), ("x.txt", b"has to end in .py")],
)
def test_a_missing_file_is_reported(tmp_path, name, sentence):
    (tmp_path / "x.txt").write_text(SHOUT)
    shown = logsrv("run", name, directory=tmp_path)
    assert shown.returncode == 1
    assert sentence in shown.stderr


def test_no_child_is_left_when_the_parent_is_killed(running, shout):
    """Even by kill -9: the child ends by itself."""
    server = running(shout, *LOOPBACK).ready()
    port = server.port
    server.process.kill()
    server.process.wait()

    def refused() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED

    wait_until(refused, "the child's end")
