"""Servers of docs/cookbook.md and docs/kit.md and one of ours as operators run them, with real clients.

Each is a daemon of another user, with its own options, and is reloaded and stopped while clients go on.
Until the stop every answer must be right; after it no message of a client may be missing where it went.
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
from tests.kit.servers import clients
from tests.kit.servers.daemons import (
    USER,
    Daemon,
    Load,
    as_user,
    folder_of_user,
    running,
    under_load,
)
from tests.parts.archives import ROOT
from tests.parts.certificates import certificate_file
from tests.parts.cookbook import RECIPES
from tests.parts.ports import free_port
from tests.parts.store_reader import messages

HERE = Path(__file__).parent
GUIDE = {each.name: each.code for each in examples((ROOT / "docs" / "kit.md").read_text())}
TCP, UDP = "tcp:PORT:interface=127.0.0.1", "udp:PORT:interface=127.0.0.1"


@contextlib.contextmanager
def nothing(folder: Path) -> Iterator[int]:
    yield 0


@attrs.frozen
class Case:
    """A server's clients, and how it is started.

    talk: a conversation with the ports of the listeners; it gets a number of its own.
    listen: the endpoint, with PORT in it.
    around: it makes what the server needs; its port replaces FAR, and is the last of `ports`.
    first: another client, before the load begins.
    service: the word behind twistd, if it is not the name.
    """

    talk: Callable[[Sequence[int], int], None]
    listen: str = TCP
    arguments: tuple[str, ...] = ()
    around: Callable[[Path], AbstractContextManager[int]] = nothing
    first: Callable[[Sequence[int]], object] = len
    service: str = ""


CASES = {
    "digits": Case(clients.digits, "digits:" + UDP, service="logsrv"),
    "proxy": Case(
        clients.curl_of_proxy, arguments=("--to", "tcp:127.0.0.1:FAR"), around=clients.web_server
    ),
    "redis": Case(clients.redis, first=clients.redis_benchmark),
    "relay": Case(clients.line, arguments=("--to", "tcp:127.0.0.1:FAR"), around=clients.keeper),
    "smtp": Case(clients.smtp, TCP + ":privateKey=PEM:certKey=PEM"),
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
    """Run a server; yield it, and the ports of its listener and of what is around it."""
    case, endpoint = CASES[name], CASES[name].listen
    port = free_port(socket.SOCK_DGRAM if "udp" in endpoint else socket.SOCK_STREAM)
    if "PEM" in endpoint:
        pem = certificate_file(folder / "server.pem", "localhost")
        pem.chmod(0o644)
        endpoint = endpoint.replace("PEM", str(pem))
    plugin = source(name)
    with case.around(folder) as far:
        arguments = [argument.replace("FAR", str(far)) for argument in case.arguments]
        listen = ("--listen", endpoint.replace("PORT", str(port)))
        daemon = Daemon(folder, name, plugin, *listen, *arguments, service=case.service)
        with running(daemon):
            yield daemon, [port, far]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_real_clients_are_served_until_the_stop(folder, name):
    case = CASES[name]
    with serving(folder, name) as (daemon, ports):
        case.first(ports)
        done = under_load(daemon, partial(case.talk, ports), 20, clients.hang_up)
    if name == "digits":
        assert not lost(folder, done)
        assert (folder / "logs" / "current.log").owner() == USER or not as_user()
    if name == "relay":
        kept = (folder / "kept").read_bytes().splitlines()
        assert not {b"record %d ends" % number for number in done} - set(kept)


def lost(folder: Path, done: list[int]) -> set[str]:
    """Return the lines of conversations that the line logger's store does not have."""
    stored = {message.decode() for message in messages(folder / "logs")}
    return {(b"record %d ends" % number).hex() for number in done} - stored


@pytest.mark.long
def test_what_an_authors_input_answered_survives_a_kill(folder):
    """The daemon is killed behind its answers, and started again."""
    with serving(folder, "digits") as (daemon, ports):
        load = Load(partial(clients.digits, ports), clients.hang_up)
        try:
            load.more(20)
            load.stopping()
            daemon.kill()
        finally:
            load.end()
        daemon.start()
        daemon.stop()
    assert not lost(folder, load.done)
