"""Targets that are not logsrv's blocks: rsyslog, syslog-ng, and the line inputs of a real daemon."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.ship.targets.target import LineBatch, LineTarget, Unavailable, call_target
from logsrv.linelog.ship.targets.target_plugin import make_target
from logsrv.linelog.store.segment import Position
from tests.end_to_end.peers import rsyslog, syslog_ng
from tests.end_to_end.senders import Page, lines_of
from tests.parts.certificates import Authority
from tests.parts.daemons import Logger
from tests.parts.far_sides import settings
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR
from tests.parts.sample_lines import KINDS, SOURCES, line

# The warning comes from Twisted's use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

PAGE = Page.of((Path(__file__).parents[2] / "docs/shipping.md").read_text())
LINES = [
    line(b"%d %b" % (number, KINDS[number % len(KINDS)]), SOURCES[number % len(SOURCES)])
    for number in range(500)
] + [line(message) for message in KINDS]


def target(url: str, **more: Any) -> LineTarget:
    made: Any = make_target(settings(url, **more), REACTOR)
    return made  # type: ignore[no-any-return]


def send(one: LineTarget, lines: list[bytes]) -> Deferred[None]:
    return call_target(one.send, LineBatch(lines, Position(1, 1)))


async def ship(url: str, lines: list[bytes], **more: Any) -> None:
    """Send lines, in two parts."""
    one = target(url, **more)
    await send(one, lines[:100])
    await send(one, lines[100:])
    await one.close()


def came(server: Logger, count: int = len(LINES)) -> list[ParsedLine]:
    server.wait_until(lambda: len(lines_of(server)) >= count, f"{count} lines")
    return [ParsedLine(one) for one in lines_of(server)]


@pytest.mark.parametrize("scheme", ["relp", "syslog"])
async def test_syslog_input_gets_lines_with_level_time_and_host(logger, scheme):
    """Text, level, time, program and host are those of the line."""
    server = logger(listen=[f"{scheme}:tcp:0:interface=127.0.0.1"])
    await ship(f"{scheme}://127.0.0.1:{server.port()}", LINES)
    for sent, received in zip(map(ParsedLine, LINES), came(server), strict=True):
        assert received.level == (sent.level or "notice")
        if sent.header is None or not sent.body.startswith(b"<"):
            assert received.content == sent.body
            assert received.get("timestamp") == sent.time
            assert received.get("hostname") == (sent.get("hostname") or sent.host)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("loki+http://127.0.0.1:{}", "message"),
        ("otlp+http://127.0.0.1:{}", "body"),
        ("es+http://127.0.0.1:{}/logs", "message"),
        ("ndjson+http://127.0.0.1:{}/lines", "message"),
    ],
)
async def test_http_input_gets_lines_text_and_level(logger, path, text):
    server = logger(listen=["http:tcp:0:interface=127.0.0.1"])
    await ship(path.format(server.port()), LINES)
    found = came(server)
    assert sorted((json.loads(one.body)[text], one.level or "") for one in found) == sorted(
        (one.message, one.level or "") for one in map(ParsedLine, LINES)
    )


async def test_relp_in_tls_with_certificates_of_both(logger, tmp_path):
    authority = Authority(tmp_path)
    theirs, ours = authority.certify("localhost"), authority.certify("edge")
    files = f"privateKey={theirs}:certKey={theirs}:clientca={authority.cafile}"
    server = logger(listen=[f"relp:ssl:0:interface=127.0.0.1:{files}"])
    url = f"relp+tls://localhost:{server.port()}"
    tls = TLSOptions(cafile=authority.cafile)
    with pytest.raises(Unavailable) as without:
        await send(target(url, tls=tls), LINES)
    assert without.value.settled
    await ship(url, LINES, tls=TLSOptions(cafile=authority.cafile, certificate=ours))
    assert len(came(server)) == len(LINES)


async def test_nothing_is_missing_when_the_receiver_is_killed(logger):
    """Over RELP unacknowledged lines are sent again; some lines may be there twice."""
    listen = f"relp:tcp:{free_port()}:interface=127.0.0.1"
    server = logger("--sync", "always", listen=[listen])
    one = target(f"relp://127.0.0.1:{server.port()}")
    sent = [line(b"number %d" % number) for number in range(3000)]
    await send(one, sent[:1000])
    sending = send(one, sent[1000:])
    server.process.kill()
    server.process.wait(PATIENCE)
    with contextlib.suppress(Unavailable):
        await sending
        raise AssertionError("nobody was there to acknowledge it")
    again = logger("--sync", "always", listen=[listen])
    await send(one, sent[1000:])
    await one.close()
    stored = {message.partition(b" - - - - ")[2] for message in again.messages()}
    assert stored == {b"number %d" % number for number in range(3000)}


FORM = "%timereported:::date-rfc3339%|%hostname%|%app-name%|%syslogseverity-text%|%msg%\\n"


@contextlib.contextmanager
def receiving_rsyslog(tmp_path: Path, module: str) -> Iterator[tuple[int, Path]]:
    """Run an rsyslogd as the page says; yield its port, and the file into which it writes."""
    port, file = free_port(), tmp_path / "received.log"
    modules = PAGE.file("relp-in.conf", (2514, port)).replace("imrelp", module)
    template = f'template(name="t" type="string" string="{FORM}")'
    action = f'{template}\naction(type="omfile" file="{file}" template="t")'
    with rsyslog(tmp_path, action, modules):
        yield port, file


def told(file: Path, count: int) -> list[list[str]]:
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") >= count, f"{count} lines")
    return [one.split("|", 4) for one in file.read_text().splitlines()]


WANTED: list[tuple[bytes, list[str | None]]] = [
    (
        line(b'{"app":"shop","hostname":"web1","pid":7,"level":"error"}'),
        ["2026-11-20T06:18:42.123456Z", "web1", "shop", "err"],
    ),
    (line(b"WARN disk full"), ["2026-11-20T06:18:42.123456Z", "10.0.0.1", "-", "warning"]),
    (
        line(b"<34>1 2026-11-20T06:18:42+01:00 host su - - - failed"),
        ["2026-11-20T06:18:42+01:00", "host", "su", "crit"],
    ),
    (line(b"<13>Nov 20 06:18:42 host app[12]: text"), [None, "host", "app", "notice"]),
    (line("<13>grüße".encode()), ["2026-11-20T06:18:42.123456Z", "10.0.0.1", "-", "notice"]),
]


@pytest.mark.long
@pytest.mark.parametrize(("scheme", "module"), [("relp", "imrelp"), ("syslog", "imtcp")])
async def test_rsyslog_gets_lines_with_parts(tmp_path, scheme, module):
    many = [line(b"number %d" % number) for number in range(2000)]
    with receiving_rsyslog(tmp_path, module) as (port, file):
        await until_there(port)
        await ship(f"{scheme}://127.0.0.1:{port}", many + [each for each, _ in WANTED])
        found = told(file, len(many) + len(WANTED))
    assert [text.strip() for *_, text in found[:2000]] == [f"number {n}" for n in range(2000)]
    for (sent, wanted), received in zip(WANTED, found[2000:], strict=True):
        for want, is_told in zip(wanted, received, strict=False):
            assert want in (None, is_told), sent
    first, *others = [text.strip() for *_, text in found[2000:]]
    assert json.loads(first)["app"] == "shop"
    assert others == ["WARN disk full", "failed", "text", "grüße"]


async def until_there(port: int) -> None:
    """Wait until a server listens at a port."""

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return False
        return True

    wait_until(listens, "the port")


@pytest.mark.long
async def test_syslog_ng_in_tls(tmp_path):
    """The `syslog()` source of syslog-ng takes RFC 5425, with a client certificate."""
    authority = Authority(tmp_path)
    theirs, ours = authority.certify("localhost"), authority.certify("edge")
    port, file = free_port(), tmp_path / "received.log"
    source = PAGE.file("tls-in.conf", (6514, port)).replace("logs.pem", str(theirs))
    source = source.replace("ca.pem", str(authority.cafile))
    form = "$ISODATE|$HOST|$PROGRAM|$LEVEL|$MSG\\n"
    destination = f'file("{file}" template("{form}"));'
    options = TLSOptions(cafile=authority.cafile, certificate=ours)
    many = [line(b"number %d" % number) for number in range(2000)]
    with syslog_ng(tmp_path, source, destination):
        await until_there(port)
        await ship(f"syslog+tls://localhost:{port}", [*many, WANTED[0][0]], tls=options)
        found = told(file, 2001)
    assert [text for *_, text in found[:2000]] == [f"number {n}" for n in range(2000)]
    assert found[-1][2:4] == ["shop", "err"]
