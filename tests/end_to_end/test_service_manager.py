"""Real daemons under a service manager: it gets their state, and restarts them without refused clients."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.certificates import certificate_file
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.managers import FakeManager, Managed
from tests.parts.ports import free_port


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    with FakeManager(tmp_path) as made:
        yield made


class ManagedLogger(Managed, Logger):
    """`twistd -n logsrv --config FILE`, with its own file and the store beside it."""

    def __init__(self, directory: Path, manager: FakeManager, **more: str) -> None:
        self.config = directory / "logsrv.toml"
        environment = {**manager.environment, **more}
        words = ("--config", str(self.config))
        super().__init__("logsrv", *words, directory=directory, environment=environment)

    def configure(self, *listen: str) -> None:
        places = ", ".join(f'"{place}"' for place in listen)
        self.config.write_text(f'directory = "{self.directory}/store"\nlisten = [{places}]\n')


@pytest.mark.slow
def test_manager_is_told_of_start_reloads_and_stop(manager, tmp_path):
    server = ManagedLogger(tmp_path, manager)
    server.configure(LOOPBACK)
    with server:
        assert manager.ready()["STATUS"] == "0 lines/s, 1 listener, 0 connections"
        server.configure(LOOPBACK, "nonsense:1")
        server.send_signal(signal.SIGHUP)
        assert int(manager.wait_for(lambda one: "RELOADING" in one, "a reload")["MONOTONIC_USEC"])
        assert "the last reload was refused: " in manager.ready()["STATUS"]
        server.configure(LOOPBACK, "udp:0:interface=127.0.0.1")
        with server.connect() as client:
            client.sendall(b"line\n")
            server.wait_for_messages(1)
            server.send_signal(signal.SIGHUP)
            assert manager.ready()["STATUS"].endswith("lines/s, 2 listeners, 1 connection")
        server.stop()
        manager.wait_for(lambda one: "STOPPING" in one, "the stop")


def _reload_command(unit: Path) -> str:
    """The shell command of ExecReload=, as systemd starts it: its `$$` is one `$`."""
    joined = unit.read_text().replace("\\\n", " ")
    [command] = re.findall(r"^ExecReload=/bin/sh -c '(.*)'$", joined, re.MULTILINE)
    return str(command).replace("$$", "$")


@pytest.mark.slow
def test_a_reload_that_the_unit_asks_for_fails_if_it_is_refused(manager, tmp_path):
    """`systemctl reload` returned 0 at once, and only the log said that nothing had changed."""
    command = _reload_command(ROOT / "packaging/systemd/logsrv.service")
    template = ROOT / "logsrv/kit/template/all/NAME.service.jinja"
    assert _reload_command(template) == command
    run = tmp_path / "run"
    run.mkdir()
    server = ManagedLogger(tmp_path, manager, RUNTIME_DIRECTORY=str(run))
    server.configure(LOOPBACK)
    with server:
        manager.ready()

        def reload() -> int:
            variables = {**os.environ, "RUNTIME_DIRECTORY": str(run), "MAINPID": str(server.pid)}
            shell = ["/bin/sh", "-c", command]
            return subprocess.run(shell, env=variables, timeout=PATIENCE, check=False).returncode

        for listen, status in ((LOOPBACK, 0), ("nonsense:1", 1), ("udp:0", 0)):
            server.configure(LOOPBACK, *([listen] if listen != LOOPBACK else []))
            assert reload() == status
            # The manager has heard it before.
            assert bool(status) == ("refused" in manager.ready()["STATUS"])
            refused = (run / "reload-result").read_text()
            assert ("nonsense:1" in refused) == bool(status)
        # A reload that nobody waits for leaves no answer.
        (run / "reload-result").unlink()
        server.send_signal(signal.SIGHUP)
        manager.ready()
        server.stop()
        assert os.listdir(run) == []
        assert reload() == 1


@pytest.mark.slow
def test_another_plugin_tells_of_itself_too(manager, tmp_path):
    environment = manager.environment
    with Managed(
        "greet", "--listen", LOOPBACK, directory=tmp_path, environment=environment
    ) as server:
        assert manager.ready()["STATUS"] == "1 listener, 0 connections"
        server.stop()
        manager.wait_for(lambda one: "STOPPING" in one, "the stop")
        manager.wait_for(lambda one: "X_VACATED" in one, "the end of its listener")


@pytest.mark.slow
@pytest.mark.complains("cannot start")
def test_a_failed_start_says_why(manager, tmp_path):
    """A port in use may be free at the next try; a wrong option stays wrong."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ManagedLogger(tmp_path, manager)
        server.configure(f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1")
        assert server.start().wait() == 1
        manager.wait_for(lambda one: "is in use by another" in one.get("STATUS", ""), "the reason")
    server.configure("nonsense:1")
    assert server.start().wait() == 78
    manager.wait_for(lambda one: "nonsense" in one.get("STATUS", ""), "the reason")
    assert "nonsense" in server.log()


@pytest.mark.slow
@pytest.mark.complains("cannot start")
def test_a_second_start_on_the_same_store_says_so_and_harms_nobody(manager, tmp_path):
    """It is started by hand, beside the running one."""
    server = ManagedLogger(tmp_path, manager)
    server.configure(LOOPBACK)
    with server:
        manager.ready()
        second = ManagedLogger(tmp_path, manager)
        assert second.start().wait(PATIENCE) == 1
        assert "is in use by process" in second.log()
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as client:
            client.sendall(b"still there\n")
        server.wait_until(lambda: server.messages() == [b"still there"], "the line")


@pytest.mark.slow
def test_clients_that_connect_during_restart_lose_nothing(manager, tmp_path):
    """The manager keeps the sockets meanwhile: TCP, TLS, UDP and both kinds of UNIX sockets."""
    tcp, tls, udp = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
    key = certificate_file(tmp_path / "server.pem", "localhost")
    stream, datagrams = tmp_path / "stream.sock", tmp_path / "datagrams.sock"
    server = ManagedLogger(tmp_path, manager)
    server.configure(
        f"tcp:{tcp}:interface=127.0.0.1",
        f"ssl:{tls}:interface=127.0.0.1:privateKey={key}:certKey={key}",
        f"udp:{udp}:interface=127.0.0.1",
        f"unix:{stream}",
        f"unixgram:{datagrams}:mode=666",
    )

    def client(family: int, kind: int, address: Any) -> socket.socket:
        made = open_clients.enter_context(socket.socket(family, kind))
        made.settimeout(PATIENCE)
        made.connect(address)
        return made

    def send(text: bytes) -> None:
        client(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", tcp)).sendall(b"tcp %s\n" % text)
        client(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", udp)).send(b"udp %s" % text)
        client(socket.AF_UNIX, socket.SOCK_STREAM, str(stream)).sendall(b"unix %s\n" % text)
        client(socket.AF_UNIX, socket.SOCK_DGRAM, str(datagrams)).send(b"unixgram %s" % text)

    with server, contextlib.ExitStack() as open_clients:
        manager.ready()
        server.stop()
        lines = 0
        for text in (b"one", b"two"):
            manager.wait_for(lambda one: "STOPPING" in one, "the stop")
            assert len(manager.stored) == 5
            send(text)
            waiting = client(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", tls))
            server.given = tuple(manager.stored.items())
            server.start()
            manager.ready()
            trusting = ssl.create_default_context(cafile=str(key))
            with trusting.wrap_socket(waiting, server_hostname="localhost") as secured:
                secured.sendall(b"tls %s\n" % text)
            kinds = (b"tcp", b"tls", b"udp", b"unix", b"unixgram")
            expected = [b"%s %s" % (kind, text) for kind in kinds]
            server.wait_for_messages(lines := lines + 5)
            assert sorted(server.messages()[-5:]) == expected
            server.stop()


@pytest.mark.slow
def test_what_a_reload_or_another_configuration_takes_out_is_closed(manager, tmp_path):
    first, second, third = free_port(), free_port(), free_port()
    places = [f"tcp:{port}:interface=127.0.0.1" for port in (first, second, third)]
    server = ManagedLogger(tmp_path, manager)
    server.configure(*places)

    def is_refused(port: int) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) != 0

    with server:
        manager.ready()
        server.configure(*places[:2])
        server.send_signal(signal.SIGHUP)
        manager.wait_for(lambda one: "FDSTOREREMOVE" in one, "the removal of the third")
        wait_until(lambda: is_refused(third), "its end")
        server.stop()
        server.configure(*places[:1])
        server.given = tuple(manager.stored.items())
        server.start()
        manager.wait_for(lambda one: "FDSTOREREMOVE" in one, "the removal of the second")
        manager.ready()
        wait_until(lambda: is_refused(second), "the end of the second")
        assert not is_refused(first)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_kept_socket_is_not_in_the_way_of_the_same_port_elsewhere(manager, tmp_path, kind):
    """After a restart a listener on loopback listens on all addresses with the same port."""
    port = free_port(socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    server = ManagedLogger(tmp_path, manager)
    server.configure(f"{kind}:{port}:interface=127.0.0.1")
    with server:
        manager.ready()
        server.stop()
        manager.wait_for(lambda one: "STOPPING" in one, "the stop")
        server.configure(f"{kind}:{port}")
        server.given = tuple(manager.stored.items())
        server.start()
        manager.ready()
        assert f"listening for lines on {kind} 0.0.0.0:{port}" in server.log()


@pytest.mark.slow
def test_sockets_of_a_unit_are_taken_by_their_places_and_names(manager, tmp_path):
    """LISTEN_FDS has both kinds, socket units first; the endpoint systemd: finds them by name or number."""
    with (
        socket.create_server(("127.0.0.1", 0)) as named,
        socket.create_server(("127.0.0.1", 0)) as placed,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        path = tmp_path / "journal"
        datagrams.bind(str(path))
        server = ManagedLogger(tmp_path, manager)
        port = placed.getsockname()[1]
        server.configure(
            "systemd:domain=INET:name=lines",
            f"tcp:{port}:interface=127.0.0.1",
            f"syslog:unixgram:{path}",
        )
        server.given = (
            ("lines", named.fileno()),
            ("logsrv.socket", placed.fileno()),
            ("logsrv.socket", datagrams.fileno()),
        )
        with server:
            manager.ready()
            for listening in (named, placed):
                with socket.create_connection(listening.getsockname(), PATIENCE) as client:
                    client.sendall(b"by connection\n")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.sendto(b"<13>by datagram", str(path))
            server.wait_until(lambda: len(server.messages()) == 3, "three lines")
            assert not manager.stored, "they are the units', which keep them"
            server.stop()
        assert path.exists()
        with socket.create_connection(("127.0.0.1", port), PATIENCE):
            pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {"LISTEN_FDS": "nonsense", "LISTEN_FDNAMES": "a:b"},
        {"LISTEN_FDS": "2", "LISTEN_FDNAMES": ":::"},
        {"LISTEN_FDS": "-1"},
        {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "kept-a:kept-b:kept-c"},
        {"LISTEN_FDS": "2"},
        {"WATCHDOG_USEC": "soon", "NOTIFY_SOCKET": "/nowhere/at/all", "FDSTORE": "many"},
    ],
    ids=str,
)
def test_junk_from_a_service_manager_keeps_nobody_from_starting(tmp_path, given):
    words = ("--directory", "store", "--listen", LOOPBACK)

    class Own(Logger):
        # LISTEN_PID must be the id of the process, which only the process itself knows.
        def spawn(self, command: Any, **how: Any) -> Any:
            code = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid())"
            code += "; os.execv(sys.argv[1], sys.argv[1:])"
            return super().spawn([command[0], "-c", code, *command], **how)

    server = Own("logsrv", *words, directory=tmp_path, environment=given)
    with server:
        server.send(b"line\n")
        server.wait_until(lambda: server.messages() == [b"line"], "the line")
        assert server.stop() == -signal.SIGTERM
        warned = re.findall("no message reaches|is not a time", server.log())
        assert len(warned) == (2 if "NOTIFY_SOCKET" in given else 0)


LOOPING = """
from logsrv.kit import LineProtocol, protocol_plugin
class Looping(LineProtocol):
    def line_received(self, line):
        while True:
            pass
looping = protocol_plugin("looping", Looping, listen="tcp:0:interface=127.0.0.1")
"""


@pytest.mark.long
def test_a_reactor_that_loops_for_ever_gives_no_sign_of_life(manager, tmp_path):
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "looping_plugin.py").write_text(LOOPING)
    environment = {
        **manager.environment,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])),
        "WATCHDOG_USEC": "200000",
    }
    with Managed("looping", directory=tmp_path, environment=environment) as server:
        for _ in range(3):
            manager.wait_for(lambda one: "WATCHDOG" in one, "a sign of life")
        with socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as client:
            client.sendall(b"loop\n")
            # The message of the daemon's own watchdog (kit/observe/_watchdog.py).
            server.wait_for_log("the reactor has been blocked for 1 s")
            manager.read()
            manager.messages.clear()
            server.wait_until(lambda: _seconds_of(server.pid) > 2, "another second of looping")
            manager.read()
            assert not manager.messages


def _seconds_of(process: int) -> float:
    """Return the seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
