"""Blocks of stores through a stream of NATS JetStream.

The target `nats:` publishes those of this store, each only after the one before it. The input of a centre
fetches those of other stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.plugins import load_object
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    FindingLevel,
    check_server,
    ok,
    warning,
)
from logsrv.linelog.formats.nats.limits import KEYS, limits_of_query
from logsrv.linelog.formats.nats.stream_source import (
    PORT,
    STREAM,
    parse_stream_source,
    without_files,
)
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP
from logsrv.linelog.ship.targets.target_plugin import (
    Scheme,
    ShipURL,
    TargetPlugin,
    TargetSettings,
    check_package_installed,
)

_HERE = "logsrv.linelog.formats.nats"


class NatsFormat(InputFormat):
    """The plugin of an input that listens nowhere: its endpoint names servers and a stream."""

    def parse_endpoint(self, text: str) -> Endpoint:
        parse_stream_source(text)
        return Endpoint(text, "fetched")

    def label(self, text: str, endpoint: Endpoint) -> str:
        return without_files(text)


nats = NatsFormat(
    "nats",
    f"{_HERE}.input:Nats",
    "lines are fetched from NATS JetStream, instead of listening",
    options=OVER_HTTP,
    stores_blocks=True,
)


class NatsPlugin(TargetPlugin):
    """The plugin of streams as targets."""

    def read_token(self, file: Path | None) -> str | None:
        # Its module imports cryptography.
        read: Callable[[Path | None], str | None]
        read = load_object(f"{_HERE}.login:read_nats_login")
        return read(file)

    def check_settings(self, settings: TargetSettings) -> None:
        super().check_settings(settings)
        limits_of_query(settings.url.query_parameters, settings.url.loggable_url)

    def is_exposed(self, settings: TargetSettings) -> bool:
        # Credentials sign a text of the server, and their key stays on this machine.
        return bool(settings.token) and "BEGIN NATS USER JWT" not in str(settings.token)

    def advice_without_tls(self, url: ShipURL) -> str:
        return "nats+tls://, or a credentials file, whose key stays here"

    def findings(
        self, subject: str, settings: TargetSettings, asked: CheckRequest
    ) -> Iterator[Finding]:
        # NATS begins TLS after a line in plain text, so the servers are asked without it.
        found = [check_server(asked, subject, *one, None) for one in settings.url.servers]
        yield from found
        if asked.reach and any(one.level is FindingLevel.OK for one in found):
            yield from _stream_findings(subject, settings)


def _stream_findings(subject: str, settings: TargetSettings) -> Iterator[Finding]:
    """Ask a server for its stream, and yield whether the limits of that will do."""
    check_package_installed(settings.url)
    ask: Callable[[TargetSettings], tuple[str, list[str]]]
    ask = load_object(f"{_HERE}.target:ask_about_stream")
    sentence, warnings = ask(settings)
    yield from (warning(subject, one) for one in warnings)
    if sentence:
        yield ok(subject, sentence)


nats_target = NatsPlugin(
    name="nats",
    reference=f"{_HERE}.target:JetStreamTarget",
    schemes={"nats": Scheme(PORT), "nats+tls": Scheme(PORT, tls=True)},
    takes="blocks",
    path=f"/{STREAM.pattern}",
    without_path="names no stream, such as {server}/LOGS",
    package="nats",
    install="logsrv[nats]",
    several_hosts=True,
    parameters=KEYS,
    exposes="the token",
)
