"""docs/cookbook.md: the lines of each plugin are counted, and it runs under twistd as the page says.

A section has one file `twisted/plugins/NAME_plugin.py`. Its ports are the numbers of the form 7xxx.
"""

from __future__ import annotations

import os
import re
import runpy
import socket
import ssl
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.names import dns

from logsrv.kit.testing import MemoryService, TelnetSession, TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.docs.conftest import ROOT
from tests.docs.story import Story, blocks
from tests.gopher.servers import certificate_file

PAGE = (ROOT / "docs" / "cookbook.md").read_text()
# Most lines of each plugin that are neither blank nor a comment.
MOST_LINES = {
    "echo": 10,
    "chat": 40,
    "memcached": 35,
    "manager": 25,
    "hosts": 35,
    "digits": 15,
    "counted": 40,
    "relay": 30,
    "proxy": 20,
    "udp_forwarder": 35,
    "disk": 15,
    "tally": 15,
    "notes": 35,
}


@attrs.frozen
class Recipe:
    """A section of the page: its first and last line, and the source of its plugin."""

    name: str
    first: int
    last: int
    source: str

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports in the section, which a test replaces by free ones."""
        text = "\n".join(PAGE.splitlines()[self.first - 1 : self.last])
        return tuple(sorted({int(port) for port in re.findall(r"\b7\d{3}\b", text)}))


def recipes() -> dict[str, Recipe]:
    """Return all recipes of the page, by the names of the plugins."""
    starts = [PAGE.count("\n", 0, found.start()) + 1 for found in re.finditer("^## ", PAGE, re.M)]
    found = {}
    for first, next_one in zip(starts, [*starts[1:], PAGE.count("\n") + 2], strict=True):
        [plugin] = [
            block
            for block in blocks(PAGE)
            if first < block.line < next_one and block.argument.startswith("twisted/plugins/")
        ]
        name = Path(plugin.argument).stem.removesuffix("_plugin")
        found[name] = Recipe(name, first, next_one - 1, plugin.body)
    return found


RECIPES = recipes()


def own_lines(source: str) -> int:
    """Return the number of lines that are neither blank nor a comment; docstrings count."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def reading(name: str, folder: Path) -> Story:
    """Yield a reader who has followed this recipe to its end; its server still runs."""
    recipe = RECIPES[name]
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, os.environ["PATH"]])
    reader = Story(folder, ports=recipe.ports, environment={"PATH": path})
    try:
        reader.follow(PAGE, last=min(recipe.first for recipe in RECIPES.values()))
        reader.follow(PAGE, recipe.first, recipe.last)
    except BaseException:
        reader.__exit__(None, None, None)
        raise
    return reader


def test_each_recipe_has_a_limit_of_lines() -> None:
    assert set(RECIPES) == set(MOST_LINES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_no_longer_than_promised(name: str) -> None:
    assert own_lines(RECIPES[name].source) <= MOST_LINES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_printed(name: str, tmp_path: Path) -> None:
    """The test follows file, commands and conversations of a recipe, with a real twistd."""
    with reading(name, tmp_path):
        pass


def test_clients_of_the_chat_get_each_others_messages(tmp_path: Path) -> None:
    with reading("chat", tmp_path) as reader:
        port = int(reader.ports["7080"])
        with TelnetSession(port) as ada:
            ada.send("ada")
            ada.expect("Who are you?")
            ada.expect("ada is here.")
            with TelnetSession(port) as bob:
                bob.send("bob")
                bob.expect("Who are you?")
                bob.expect("bob is here.")
                ada.expect("bob is here.")
                ada.send("hello")
                bob.expect("<ada> hello")
            ada.expect("bob has left.")


def test_a_value_of_memcached_may_be_any_bytes(tmp_path: Path) -> None:
    """A value may have line ends and bytes of Telnet, wherever the network cuts it."""
    value = b"\xff\xfb\x01\r\nget a\r\n" + bytes(range(256)) * 40
    sent = b"set a 7 0 %d noreply\r\n%b\r\nget a\r\n" % (len(value), value)
    with reading("memcached", tmp_path) as reader:
        for cut in (0, 24, 30, len(sent) - 8):
            with socket.create_connection(
                ("127.0.0.1", int(reader.ports["7011"])), PATIENCE
            ) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.sendall(sent[:cut])
                client.sendall(sent[cut:])
                client.shutdown(socket.SHUT_WR)
                with client.makefile("rb") as answer:
                    wanted = b"VALUE a 7 %d\r\n%b\r\nEND\r\n" % (len(value), value)
                    assert answer.read() == wanted


@pytest.mark.nightly
@pytest.mark.long
@pytest.mark.parametrize("tls", [False, True])
def test_memcached_answers_without_waiting_for_acknowledgements(tls: bool, tmp_path: Path) -> None:
    """A reply in two packets would wait for a delayed acknowledgement of the peer: 40 ms on Linux."""
    scheme = "ssl" if tls else "tcp"
    pem = certificate_file(tmp_path / "server.pem", "localhost")
    more = f":privateKey={pem}:certKey={pem}" if tls else ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plugin = tmp_path / "twisted" / "plugins" / "memcached_plugin.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(RECIPES["memcached"].source)
    listen = f"{scheme}:0:interface=127.0.0.1{more}"
    with (
        TwistdProcess("memcached", "--listen", listen, directory=tmp_path) as server,
        socket.create_connection(("127.0.0.1", server.port()), PATIENCE) as plain,
        context.wrap_socket(plain) if tls else plain as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(b"set a 0 0 5\r\nhello\r\n")
        assert answer.readline() == b"STORED\r\n"
        seconds = []
        for _ in range(100):
            begin = time.perf_counter()
            client.sendall(b"get a\r\n")
            assert [answer.readline() for _ in range(3)][1:] == [b"hello\r\n", b"END\r\n"]
            seconds.append(time.perf_counter() - begin)
    assert statistics.median(seconds) < 0.02


def test_memcached_sends_many_large_values_to_a_client_that_reads(tmp_path: Path) -> None:
    value = b"v" * 1_000_000
    with (
        reading("memcached", tmp_path) as reader,
        socket.create_connection(("127.0.0.1", int(reader.ports["7011"])), PATIENCE) as client,
    ):
        client.sendall(b"set a 0 0 %d noreply\r\n%b\r\nget a a a a\r\n" % (len(value), value))
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert answer.read().count(value) == 4


def question(name: str, kind: int) -> bytes:
    message = dns.Message(id=7, recDes=True)
    message.addQuery(name.encode(), kind)
    return message.toStr()


def test_another_implementation_reads_the_answers_of_the_name_server(tmp_path: Path) -> None:
    """It is asked over UDP and TCP for a host, an unknown name, and a record type without records."""
    wanted = [
        ("ada.example", dns.A, ["192.0.2.1"], 0),
        ("ADA.example", dns.MX, [], 0),
        ("x", dns.A, [], 3),
    ]
    with reading("hosts", tmp_path) as reader:
        udp, tcp = (("127.0.0.1", int(reader.ports[port])) for port in ("7053", "7054"))
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
            socket.create_connection(tcp, PATIENCE) as stream,
            stream.makefile("rb") as received,
        ):
            client.settimeout(PATIENCE)
            client.sendto(b"no DNS", udp)
            for name, kind, addresses, code in wanted:
                asked = question(name, kind)
                client.sendto(asked, udp)
                stream.sendall(len(asked).to_bytes(2, "big") + asked)
                length = int.from_bytes(received.read(2), "big")
                for answer in (client.recv(512), received.read(length)):
                    message = dns.Message()
                    message.fromStr(answer)
                    found: list[Any] = [record.payload for record in message.answers]
                    assert [record.dottedQuad() for record in found] == addresses
                    assert (message.id, message.rCode, message.recDes) == (7, code, True)


@pytest.mark.slow
def test_datagrams_of_any_bytes_are_stored_and_answered(tmp_path: Path) -> None:
    with (
        reading("digits", tmp_path) as reader,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(("127.0.0.1", int(reader.ports["7020"])))
        client.send(b"\xff\n")
        client.send(b"two")
        client.settimeout(PATIENCE)
        assert client.recv(100) == client.recv(100) == b"stored"
        stored = (reader.directory / "logs" / "current.log").read_text().splitlines()
        sender = f"udp:127.0.0.1:{client.getsockname()[1]}"
    lines = [line.partition(" ")[2] for line in stored]
    assert lines[-2:] == [f"{sender} ff0a", f"{sender} 74776f"]


def test_packets_of_any_size_are_answered_until_a_bad_one(tmp_path: Path) -> None:
    """Also those that came in one piece with the bad one."""
    with (
        reading("manager", tmp_path) as reader,
        socket.create_connection(("127.0.0.1", int(reader.ports["7050"])), PATIENCE) as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(b"Action: Ping\r\n\r\nAction: " + b"x" * 60_000 + b"\r\n\r\nbad\r\n\r\n")
        assert answer.read() == (
            b"Response: Success\r\nPing: Pong\r\n\r\n"
            b"Response: Error\r\nMessage: Invalid action\r\n\r\n"
        )


def test_a_forwarder_takes_no_answer_of_others(tmp_path: Path) -> None:
    """Nor more than a hundred questions at a time; an unanswered one ends after five seconds."""
    (tmp_path / "udp_forwarder.py").write_text(RECIPES["udp_forwarder"].source)
    plugin = runpy.run_path(str(tmp_path / "udp_forwarder.py"))["udp_forwarder"]
    service = MemoryService(plugin, "--to", "192.0.2.53")
    asks = service.sender()
    asks.send(b"who is ada?")
    service.sender("192.0.2.54", 53, to="udp:0").send(b"192.0.2.66")
    assert asks.received() == []
    far = service.sender("192.0.2.53", 53, to="udp:0")
    far.send(b"192.0.2.1")
    assert asks.received() == [b"192.0.2.1"]
    for _ in range(101):
        asks.send(b"who is bob?")
    assert service.metric("datagrams_faulty_total") == 1
    service.clock.advance(6)
    asks.send(b"who is carol?")
    service.sender("192.0.2.53", 53, to="udp:0").send(b"192.0.2.3")
    assert asks.received() == [b"192.0.2.3"]
