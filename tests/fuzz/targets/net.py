"""Other input: PROXY headers, hosts, endpoints, options, typed text, text that a peer sends to
a terminal.
"""

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from nats.aio.msg import Msg
from twisted.conch.insults.insults import ServerProtocol
from twisted.internet.testing import StringTransport

from logsrv.cli.connect import parse_address, terminal_decoder
from logsrv.errors import ConfigurationError
from logsrv.greet.message import parse_message
from logsrv.kit.connections._proxy_protocol import ProxyHeaderError, ProxyHeaderReader
from logsrv.kit.connections.source import escaped_word, unix_source
from logsrv.kit.inspect._ssh import MOST_TYPED, LineEditor, authorized_keys
from logsrv.kit.inspect.inspect_settings import parse_inspect_endpoint
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.net.remote import parse_remote
from logsrv.kit.options import kinds
from logsrv.kit.options.kinds import Kind
from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.kit.options.toml_file import read_toml_file
from logsrv.kit.text.escape import escaped_json, is_printable_ascii, one_line, printable
from logsrv.kit.text.paths import checked_name, safe_name
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.kit.text.words import SHOWN_LENGTH, did_you_mean, shown
from logsrv.kit.web.access import host_in_header, is_allowed_host
from logsrv.kit.web.channel import host_and_target
from logsrv.linelog.formats.bulk.send import read_bulk_answer
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.link import read_jetstream_answer as read_answer_of_nats
from logsrv.linelog.formats.nats.parse import (
    Delivery,
    NatsReader,
    Operation,
    WireError,
    known_nats_headers,
)
from logsrv.linelog.formats.nats.stream_source import parse_stream_source
from logsrv.linelog.formats.otlp.send import rejected_count_and_reason
from logsrv.linelog.intake.over_http.installed_routes import http_routes
from logsrv.linelog.intake.over_http.routes import find_route, request_path
from logsrv.linelog.lines.bodies import RequestRefused
from logsrv.linelog.objects.url import parse_archive_url
from logsrv.linelog.plugin.logger_settings import LoggerSettings, parse_listen
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.http_client import LONGEST_PAUSE, parse_retry_after
from tests.fuzz.oracles import at_most, safe, safe_lines, same_however_cut
from tests.fuzz.target import target
from tests.parts.http_senders import Sender
from tests.parts.sinks import turn


@target("kit.connections._proxy_protocol", longest=600)
def proxy_header(data: bytes) -> None:
    """The header of a proxy gives the same client at every cut; its addresses are valid, or paths."""

    def outcome(pieces: list[bytes]) -> object:
        reader = ProxyHeaderReader()
        for place, piece in enumerate(pieces):
            try:
                found = reader.receive(piece)
            except ProxyHeaderError as error:
                safe(str(error), "")
                return ProxyHeaderError
            if found is not None:
                header, rest = found
                return header, rest + b"".join(pieces[place + 1 :])
        return reader.begun

    found = same_however_cut(data, outcome)
    if isinstance(found, tuple):
        for address in (found[0].client, found[0].destination):
            host = getattr(address, "host", None)
            assert host is None or ipaddress.ip_address(host)


@target("kit.web.access", "kit.web.channel", "linelog.intake.over_http.routes", longest=400)
def http_heads(data: bytes) -> None:
    """Hosts and targets of requests are read without an error, and a path leads to an existing page."""
    name = host_in_header(data)
    assert name is None or (name == name.lower() and "/" not in name and name.isascii())
    is_allowed_host(data, ("logs.example.org",), True)
    if not is_allowed_host(b"logs.example.org", ("logs.example.org",), False):
        raise AssertionError("the server does not know its own name")
    _, where = host_and_target(data)
    assert isinstance(where, bytes)
    path = request_path(data)
    try:
        find_route(b"POST", path, http_routes())
    except RequestRefused as refusal:
        assert refusal.status in (404, 405)
        safe(str(refusal), "")


@target(
    "linelog.intake.over_http.input",
    "linelog.intake.over_http.request",
    "linelog.intake.over_http.body",
)
def http_requests(data: bytes) -> None:
    """Any request is answered or ends the connection; only lines are stored."""

    def outcome(pieces: list[bytes]) -> tuple[bytes, list[bytes]]:
        sender = Sender()
        for piece in pieces:
            if sender.transport.disconnecting:
                break
            sender.send(piece)
            for _ in range(20):
                turn(sender.clock)
            sender.sink.sync()
        for _ in range(50):
            turn(sender.clock)
        sender.sink.sync()
        safe_lines(sender.sink.text)
        written = sender.transport.value()
        return sender.sink.text, re.findall(rb"^HTTP/1\.[01] [0-9]{3}", written, re.MULTILINE)

    same_however_cut(data, outcome)


def _texts(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


PARSERS: tuple[Callable[[str], object], ...] = (
    parse_listen,
    parse_endpoint,
    parse_ship_url,
)
KINDS: tuple[Kind[Any], ...] = (
    *(kinds.TEXT, kinds.NAME, kinds.FLAG, kinds.INTEGER, kinds.SIZE, kinds.DURATION, kinds.DAYS),
    *(kinds.PATH, kinds.NETWORK),
)


@target(
    "kit.net.parse",
    "kit.net.remote",
    "kit.inspect.inspect_settings",
    "linelog.plugin.logger_settings",
    "linelog.ship.address",
    "linelog.ship.targets.target_plugin",
    "linelog.ship.targets.object_plugins",
    "linelog.formats.nats.stream_source",
    "linelog.objects.url",
    "greet.message",
    "kit.options.kinds",
    longest=200,
)
def places(data: bytes) -> None:
    """The text of a parsed option value parses to the same value; other text is refused with a sentence."""
    text = _texts(data)
    for parse in PARSERS:
        try:
            found = parse(text)
        except ValueError as error:
            safe(str(error), "\n")
        else:
            assert parse(str(found)) == found
    for other in (
        parse_address,
        parse_remote,
        parse_inspect_endpoint,
        parse_archive_url,
        parse_message,
        parse_stream_source,
    ):
        with suppress(ValueError):
            other(text)
    for kind in KINDS:
        try:
            value = kind.parse(text)
        except ValueError as error:
            safe(str(error), "\n")
        else:
            if kind is not kinds.FLAG:
                assert kind.parse(kind.show(value)) == value


@target("kit.options.sources", "kit.options.toml_file", "kit.options.load")
def configuration(data: bytes) -> None:
    """A configuration file gives settings, or one sentence that says what is wrong in it."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "logsrv.toml")
        path.write_bytes(data)
        sources = SettingsSources(
            name="logsrv", directory=Path(directory), arguments={"config": [str(path)]}
        )
        try:
            read_toml_file(path, "the command line")
            load_settings(LoggerSettings, sources)
        except ConfigurationError as error:
            safe(str(error), "\n")


@target(
    "kit.text.escape", "kit.text.paths", "kit.text.time", "kit.text.words", "kit.connections.source"
)
def texts_to_show(data: bytes) -> None:
    """Text made safe has no control characters, and is not changed again; a name leads to no
    other folder.
    """
    text = _texts(data)
    for shown_text, allowed in (
        (printable(text), "\t\n"),
        (one_line(text, 100), ""),
        (shown(text), ""),
        (escaped_json(text), "\t\n"),
        (escaped_word(text), ""),
        (unix_source(data), ""),
        (did_you_mean(text, ["interval", "always"]), ""),
    ):
        safe(shown_text, allowed)
        shown_text.encode()
    assert printable(printable(text)) == printable(text)
    assert not is_printable_ascii(data) or printable(text) == text
    for word in (escaped_word(text), unix_source(data)):
        assert word.isascii() and " " not in word
    at_most(len(shown(text)), SHOWN_LENGTH + 2)
    at_most(len(one_line(text, 100)), 400)
    name = safe_name(data)
    assert Path("/somewhere", checked_name(name)).parent == Path("/somewhere")
    with suppress(ValueError):
        path = Path("/somewhere", *map(checked_name, text.split("/")))
        assert path.is_relative_to("/somewhere") and ".." not in path.parts
    with suppress(ValueError):
        moment = parse_rfc3339(text)
        assert abs(parse_rfc3339(rfc3339(moment)) - moment) < 0.001


@target("cli.connect")
def client(data: bytes) -> None:
    """Text of a server does not control the terminal, and is the same at every cut."""

    def shown_by(pieces: list[bytes]) -> str:
        decoder = terminal_decoder()
        return "".join(printable(decoder.decode(one)) for one in pieces)

    safe(same_however_cut(data, shown_by))


@target("kit.inspect._ssh")
def inspecting(data: bytes) -> None:
    """Text typed over SSH gives the same lines at every cut; a file of keys has keys, or is refused."""

    def typed(pieces: list[bytes]) -> list[str]:
        lines: list[str] = []

        def run_line(line: str) -> list[str]:
            lines.append(line)
            return []

        console: Any = SimpleNamespace(greeting="", prompt="", ended=False, run_line=run_line)
        channel: Any = SimpleNamespace(buf=b"", end=lambda status: None)
        keys = ServerProtocol(lambda: LineEditor(console, channel))
        keys.makeConnection(StringTransport())
        for piece in pieces:
            keys.dataReceived(piece)
        for line in lines:
            safe(line, "")
            at_most(len(line), MOST_TYPED)
        return lines

    same_however_cut(data, typed)

    with TemporaryDirectory() as directory:
        path = Path(directory, "authorized_keys")
        path.write_bytes(data)
        try:
            assert all(key.isPublic() for key in authorized_keys(path))
        except ConfigurationError as error:
            safe(str(error), "")


@target(
    "linelog.formats.bulk.send",
    "linelog.formats.otlp.send",
    "linelog.ship.targets.http_client",
    "linelog.formats.nats.link",
)
def answers_of_targets(data: bytes) -> None:
    """Any bytes from a target are read as an answer, or raise the one error class for that."""
    with suppress(ValueError):
        answer = read_bulk_answer(data, 3)
        assert {*answer.later, *answer.refused} <= set(range(3))
    with suppress(NatsTrouble):
        assert isinstance(read_answer_of_nats(Msg(cast(Any, None), data=data)), dict)
    number, why = rejected_count_and_reason(data)
    assert number >= 0
    safe(why, "")
    found = parse_retry_after(data.decode("latin-1"), 1_795_000_000.0)
    assert found is None or 0 <= found <= LONGEST_PAUSE


@target("linelog.formats.nats.parse")
def nats_operations(data: bytes) -> None:
    """Operations of a NATS server are the same at every cut; none is larger than announced."""

    def outcome(pieces: list[bytes]) -> object:
        reader = NatsReader()
        found: list[Operation] = []
        try:
            for piece in pieces:
                for one in reader.feed(piece):
                    found.append(one)
        except WireError as error:
            safe(str(error), "")
            return found, WireError
        return found, None

    found, _ = cast("tuple[list[Operation], object]", same_however_cut(data, outcome))
    for one in found:
        if isinstance(one, Delivery):
            at_most(one.size, len(data))
            for name, value in known_nats_headers(one.headers).items():
                assert "\r\n" not in name + value
    for name, value in known_nats_headers(b"NATS/1.0\r\n" + data).items():
        assert "\r\n" not in name + value
