"""Servers of common protocols, written with the kit, and real clients of each.

Each is a daemon, with its own options, and is reloaded and stopped while its clients go on.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing import examples
from tests.docs.test_cookbook import RECIPES
from tests.kit.servers import clients
from tests.parts.archives import ROOT
from tests.parts.certificates import certificate_file
from tests.parts.plugin_daemons import Daemon, Load, folder_of_user, running, under_load
from tests.parts.ports import free_port
from tests.parts.store_reader import messages

HERE = Path(__file__).parent
GUIDE = {each.name: each.code for each in examples((ROOT / "docs" / "kit.md").read_text())}
TCP, UDP = "tcp:PORT:interface=127.0.0.1", "udp:PORT:interface=127.0.0.1"
DNS = (UDP, TCP)


@contextlib.contextmanager
def nothing(folder: Path) -> Iterator[int]:
    yield 0


@attrs.frozen
class Case:
    """A server's clients, and how it is started.

    talk: a conversation with the ports of the listeners; it gets a number of its own.
    listen: the endpoints, with PORT in each.
    first: another client, before the load begins.
    around: it makes what the server needs; its port replaces FAR, and is the last of `ports`.
    count: conversations between the signals.
    service: the word behind twistd, if it is not the name.
    stored: of an input of the line logger, the line that a conversation leaves.
    """

    talk: Callable[[Sequence[int], int], None]
    listen: tuple[str, ...] = (TCP,)
    arguments: tuple[str, ...] = ()
    around: Callable[[Path], AbstractContextManager[int]] = nothing
    first: Callable[[Sequence[int]], object] = len
    count: int = 20
    service: str = ""
    stored: Callable[[int], str] | None = None


SLOW, LONG, NIGHTLY = pytest.mark.slow, pytest.mark.long, pytest.mark.nightly
MARKED_SLOW = ("postgres",)
# CI follows the page of these in tests/docs/test_cookbook.py; here they are reloaded under load, as others.
OF_THE_COOKBOOK = ("hosts", "memcached", "proxy", "udp_forwarder")
CASES = {
    "digits": Case(clients.digits, ("digits:" + UDP,), service="logsrv", stored=clients.as_digits),
    "forwarder": Case(
        clients.dig, DNS, ("--to", "tcp:127.0.0.1:FAR"), clients.name_server, count=10
    ),
    "hosts": Case(clients.dig, DNS, ("--host", "ada.example=192.0.2.1"), count=10),
    "irc": Case(clients.sic, (TCP, "operator:" + TCP)),
    "memcached": Case(clients.memcached, first=clients.memcslap),
    "modbus": Case(clients.modbus, ("modbus:" + TCP,), service="logsrv", stored=clients.written),
    "mqtt": Case(clients.mosquitto),
    "postgres": Case(clients.psql, count=4),
    "proxy": Case(
        clients.curl_of_proxy, arguments=("--to", "tcp:127.0.0.1:FAR"), around=clients.web_server
    ),
    "redis": Case(clients.redis, first=clients.redis_benchmark),
    "smtp": Case(clients.smtp, (TCP + ":privateKey=PEM:certKey=PEM",)),
    "snmp": Case(clients.snmpinform, ("snmp:" + UDP,), service="logsrv", stored=clients.informed),
    "sntp": Case(clients.sntp, (UDP,)),
    "socks5": Case(clients.curl, around=clients.web_server, first=clients.large_transfer, count=10),
    "stomp": Case(clients.stomp_py, (TCP, "status:" + TCP)),
    "tftp": Case(clients.curl_tftp, (UDP,), ("--folder", "."), clients.files, count=10),
    "udp_forwarder": Case(
        clients.dig_udp,
        (UDP,),
        ("--to", "127.0.0.1", "--port", "FAR"),
        partial(clients.name_server, kind="udp"),
        count=10,
    ),
    "websocket": Case(clients.websocket),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_of_user() as made:
        yield made


def source(name: str) -> str:
    """Return a server's source: it is in the documents, or here."""
    if name in RECIPES:
        return RECIPES[name].source
    return GUIDE.get(f"{name}.py") or (HERE / f"{name}.py").read_text()


@contextlib.contextmanager
def serving(folder: Path, name: str) -> Iterator[tuple[Daemon, list[int]]]:
    """Run a server; yield it, and the ports of its listeners."""
    case, ports, arguments = CASES[name], [], []
    for endpoint in case.listen:
        ports.append(free_port(socket.SOCK_DGRAM if "udp" in endpoint else socket.SOCK_STREAM))
        if "PEM" in endpoint:
            pem = certificate_file(folder / "server.pem", "localhost")
            pem.chmod(0o644)
            endpoint = endpoint.replace("PEM", str(pem))
        arguments += ["--listen", endpoint.replace("PORT", str(ports[-1]))]
    plugin = source(name)
    with case.around(folder) as far:
        arguments += [argument.replace("FAR", str(far)) for argument in case.arguments]
        daemon = Daemon(folder, name, plugin, *arguments, service=case.service)
        with running(daemon):
            yield daemon, [*ports, *([far] if far else [])]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=(
                SLOW if name in MARKED_SLOW else LONG,
                *([NIGHTLY] if name in OF_THE_COOKBOOK else []),
            ),
        )
        for name in CASES
    ],
)
def test_real_clients_are_served_until_the_stop(folder, name):
    case = CASES[name]
    with serving(folder, name) as (daemon, ports):
        case.first(ports)
        done = under_load(daemon, partial(case.talk, ports), case.count, clients.hang_up)
    if case.stored:
        assert not lost(case, folder, done)


def lost(case: Case, folder: Path, done: list[int]) -> set[str]:
    """Return the lines of conversations that the line logger's store does not have."""
    assert case.stored
    return {case.stored(number) for number in done} - {
        message.decode() for message in messages(folder / "logs")
    }


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "digits" else NIGHTLY)
        for name, case in CASES.items()
        if case.stored
    ],
)
def test_what_was_answered_survives_a_kill(folder, name):
    """The daemon is killed behind its answers, and started again."""
    case = CASES[name]
    with serving(folder, name) as (daemon, ports):
        load = Load(partial(case.talk, ports), clients.hang_up)
        try:
            load.more(case.count)
            load.stopping()
            daemon.kill()
        finally:
            load.end()
        daemon.start()
        daemon.stop()
    assert not lost(case, folder, load.done)
