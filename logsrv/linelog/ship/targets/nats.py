"""`nats:`: blocks to a stream of NATS JetStream, which takes each only after the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

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
from logsrv.linelog.formats.nats.login import read_nats_login
from logsrv.linelog.formats.nats.place import PORT, STREAM
from logsrv.linelog.ship.target_plugin import (
    Scheme,
    ShipURL,
    TargetPlugin,
    TargetSettings,
    check_package_installed,
)

_WORK = "logsrv.linelog.ship.targets.nats_target"


class NatsPlugin(TargetPlugin):
    """The plugin of streams."""

    def read_token(self, file: Path | None) -> str | None:
        return read_nats_login(file)

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
    ask = load_object(f"{_WORK}:ask_about_stream")
    sentence, warnings = ask(settings)
    yield from (warning(subject, one) for one in warnings)
    if sentence:
        yield ok(subject, sentence)


nats = NatsPlugin(
    name="nats",
    place=f"{_WORK}:JetStreamTarget",
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
