"""SIGHUP on the real daemon: added listeners use the new settings, removed ones leave nothing behind."""

import shutil
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.daemons import LOOPBACK, Logger, Start, Twistd, reload
from tests.parts.ports import free_port


@pytest.mark.slow
def test_a_udp_port_is_free_after_its_listener_went_while_datagrams_waited(tmp_path):
    """They are answered, and no answer keeps the socket open: the next reload can use the port again."""
    port = free_port(socket.SOCK_DGRAM)
    config = tmp_path / "greet.toml"
    listens = f'listen = ["{LOOPBACK}", "udp:{port}:interface=127.0.0.1"]\n'
    config.write_text(listens)
    with (
        Twistd("greet", "--config", str(config), directory=tmp_path) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        server.send_signal(signal.SIGSTOP)
        # More than are read in one go, so that some are left when the listener closes.
        for _ in range(1000):
            client.sendto(b"hello\n", ("127.0.0.1", port))
        config.write_text(f'listen = ["{LOOPBACK}"]\n')
        server.send_signal(signal.SIGHUP)
        server.send_signal(signal.SIGCONT)
        server.wait_for_log("reloaded")
        assert client.recv(100).startswith(b"Thank you")
        for text in (listens, f'listen = ["{LOOPBACK}"]\n', listens):
            config.write_text(text)
            reload(server)
        assert "refused" not in server.log()
        client.sendto(b"hello\n", ("127.0.0.1", port))
        assert client.recv(100).startswith(b"Thank you")


@pytest.mark.slow
def test_a_listener_that_comes_runs_by_the_settings_it_comes_with(tmp_path):
    config = tmp_path / "greet.toml"
    config.write_text(f'listen = "{LOOPBACK}"\nlog-connections = false\n')
    with Twistd("greet", "--stay", "--config", str(config), directory=tmp_path) as server:
        config.write_text(
            f'listen = ["{LOOPBACK}", "unix:{tmp_path}/new"]\n'
            "max-line = 5\nlog-connections = true\n"
        )
        reload(server)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(str(tmp_path / "new"))
            peer.sendall(b"0123456789\n")
            answer = b""
            while data := peer.recv(1000):
                answer += data
        assert b"longer than 5 bytes" in answer
        server.wait_for_log("Got connection from unix:")


@pytest.mark.slow
def test_sighup_before_it_is_ready_is_done_when_it_is(tmp_path):
    """It does not end the daemon, which is the default of the system."""
    script = (
        "import os, signal, sys\n"
        "from logsrv.linelog.store.store import Store\n"
        "opened = Store.open\n"
        "def open_slowly(store):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    opened(store)\n"
        "Store.open = open_slowly\n"
        # Remove the words of this script, then run twistd.
        "del sys.argv[1:4]\n"
        "from twisted.scripts.twistd import run; run()\n"
    )
    prefix = (sys.executable, "-c", script)
    server = Logger("logsrv", "--listen", LOOPBACK, directory=tmp_path, prefix=prefix)
    with server:
        server.wait_for_log("reloaded, 0 listeners added, 0 removed")


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
def test_a_renewed_certificate_is_used_after_sighup(logger, tmp_path):
    """A broken one makes the reload fail, and the old one stays in use."""
    pem = certificate_file(tmp_path / "pem")
    server = logger(listen=[f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def certificate() -> bytes | None:
        with context.wrap_socket(server.connect()) as connection:
            return connection.getpeercert(binary_form=True)

    first = certificate()
    shutil.copy(certificate_file(tmp_path / "next"), pem)
    reload(server)
    second = certificate()
    assert second not in (first, None)
    pem.write_text("broken")
    reload(server, "cannot be used")
    assert certificate() == second


def test_a_unix_socket_whose_file_was_removed_is_made_anew(logger, tmp_path):
    """Connected clients stay connected; a file of another program at that path is not touched."""
    path = tmp_path / "s"
    server = logger(listen=[f"unix:{path}"])

    def connected() -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        return client

    with connected() as before:
        path.unlink()
        reload(server)
        with connected() as after:
            after.sendall(b"after\n")
            server.wait_for_messages(1)
        path.unlink()
        path.write_text("precious")
        reload(server, "is there and is no socket; take another path")
        assert path.read_text() == "precious"
        before.sendall(b"before\n")
        assert server.wait_for_messages(2) == [b"after", b"before"]
    server.stop()
    assert path.read_text() == "precious"


class Reloads(RuleBasedStateMachine):
    """Random orders of adding, removing, changing and failing, with peers that send meanwhile.

    The model is the last accepted set of listeners, the counts of each, and the lines that were sent.
    """

    NAMES = ("tcp", "udp", "unix", "other", "unixgram", "relp")
    STREAMS = frozenset({"tcp", "unix", "other", "relp"})
    LINE = b"over a connection\n"
    OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"
    FRAME = b"2 syslog 17 over a connection\n"

    def __init__(self, directory: Path, start: Start) -> None:
        super().__init__()
        self.directory = Path(str(directory)) / f"{len(list(directory.iterdir()))}"
        self.directory.mkdir()
        self.start = start
        self.open: list[tuple[str, socket.socket]] = []
        self.sent: dict[str, int] = {}
        self.bytes = 0
        # Peers that have sent half of a RELP frame.
        self.halves: set[socket.socket] = set()

    @initialize()
    def begin(self) -> None:
        port, datagrams = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.places = {
            "tcp": f"tcp:{port}:interface=127.0.0.1",
            "udp": f"udp:{datagrams}:interface=127.0.0.1",
            "unix": f"unix:{self.directory}/unix",
            "other": f"unix:{self.directory}/other",
            "unixgram": f"unixgram:{self.directory}/unixgram",
            "relp": f"relp:unix:{self.directory}/relp",
        }
        self.addresses: dict[str, Any] = {
            "tcp": ("127.0.0.1", port), "udp": ("127.0.0.1", datagrams),
            **{name: f"{self.directory}/{name}" for name in ("unix", "other", "unixgram", "relp")},
        }  # fmt: skip
        self.config = self.directory / "logsrv.toml"
        self.names: frozenset[str] = frozenset({"tcp"})
        self.write(self.names)
        self.server = self.start("--config", str(self.config), listen=[], directory=self.directory)

    def write(self, names: frozenset[str], *more: str) -> None:
        listens = ", ".join(f'"{self.places[name]}"' for name in sorted(names))
        self.config.write_text("\n".join([f"listen = [{listens}]", *more, ""]))

    @rule(names=st.frozensets(st.sampled_from(NAMES)), limit=st.sampled_from([64, 4096]))
    def change(self, names: frozenset[str], limit: int) -> None:
        self.write(names, f"max-line = {limit}")
        reload(self.server)
        self.names = names
        still = [(name, peer) for name, peer in self.open if name in names]
        for name, peer in self.open:
            if name not in names:
                peer.settimeout(PATIENCE)
                assert peer.recv(1) == b"", "who is connected to a listener that goes is let go"
                peer.close()
        self.open = still
        self.look()

    @rule(
        names=st.frozensets(st.sampled_from(NAMES)),
        why=st.sampled_from(['keep-days = "x"', "unknown = 1", "listen = [", "taken"]),
    )
    def fail(self, names: frozenset[str], why: str) -> None:
        if why == "taken":
            (self.directory / "taken").touch()
            self.places["taken"] = f"unix:{self.directory}/taken"
            self.write(names | {"taken"})
        else:
            self.write(names, why)
        reload(self.server, "refused")
        self.look()

    @precondition(lambda self: self.names & self.STREAMS)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.names & self.STREAMS)))
        peer = socket.socket(socket.AF_INET if name == "tcp" else socket.AF_UNIX)
        peer.settimeout(PATIENCE)
        peer.connect(self.addresses[name])
        self.open.append((name, peer))
        if name == "relp":
            self.say(peer, self.OPEN)
            assert b"commands=syslog" in peer.recv(1000)
        self.talk()

    @precondition(lambda self: self.open)
    @rule()
    def talk(self) -> None:
        """Send a line, or the rest of a message; an acknowledged one is in the store."""
        name, peer = self.open[-1]
        if name != "relp":
            self.say(peer, self.LINE)
            self.note(name)
            return
        self.say(peer, self.FRAME[15:] if peer in self.halves else self.FRAME)
        self.halves.discard(peer)
        assert peer.recv(1000) == b"2 rsp 6 200 OK\n"
        self.sent[name] = self.sent.get(name, 0) + 1
        assert len(self.server.messages()) == sum(self.sent.values())

    @precondition(lambda self: self.open and self.open[-1][0] == "relp")
    @rule()
    def begin_to_talk(self) -> None:
        """Send half of a message: if its listener is removed, it is neither stored nor acknowledged."""
        peer = self.open[-1][1]
        if peer not in self.halves:
            self.say(peer, self.FRAME[:15])
            self.halves.add(peer)

    def say(self, peer: socket.socket, data: bytes) -> None:
        peer.sendall(data)
        self.bytes += len(data)

    @precondition(lambda self: self.names & {"udp", "unixgram"})
    @rule(data=st.data())
    def datagram(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.names & {"udp", "unixgram"})))
        family = socket.AF_INET if name == "udp" else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(self.LINE, self.addresses[name])
        self.bytes += len(self.LINE)
        self.note(name)

    def note(self, name: str) -> None:
        self.sent[name] = self.sent.get(name, 0) + 1
        self.server.wait_for_messages(sum(self.sent.values()))

    def look(self) -> None:
        """Check that exactly the accepted listeners are there."""
        for name in ("unix", "other", "unixgram", "relp"):
            path = self.directory / name
            self.server.wait_until(lambda: path.exists() == (name in self.names), f"{name}")  # noqa: B023
        # The socket of a removed listener is closed in the reactor turn after the log line.
        self.server.wait_until(lambda: self.takes_connections() == ("tcp" in self.names), "tcp")

    def takes_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self.addresses["tcp"]) == 0

    def teardown(self) -> None:
        for _, peer in self.open:
            peer.close()
        if hasattr(self, "server"):
            self.server.stop()
            lines = sum(self.sent.values())
            assert len(self.server.messages()) == lines
            assert "Traceback" not in self.server.log()
            if self.bytes:
                assert f"received_bytes_total {self.bytes}," in self.server.log()


@pytest.mark.slow
def test_any_order_of_reloads(logger, tmp_path):
    """Accepted listeners run, refused ones leave nothing behind, and no line or count is lost."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Reloads(tmp_path, logger),  # type: ignore[arg-type]
        settings=example_settings(
            max_examples=example_settings().max_examples // 2,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
