"""The live page and the API as a part of the line logger: what the service asks of them.

The web server is imported and made at the first --http: it puts its page together then.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.peer_user import tells_users, user_of_peer
from logsrv.kit.observe.metrics import Metric, MetricsPart, make_metrics
from logsrv.kit.plugins import load_object
from logsrv.kit.service.file_checks import check_directory_writable
from logsrv.kit.service.findings import short_address_text, warning
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.kit.web.access import is_private, web_guard_policy
from logsrv.linelog.http.http_settings import (
    MOST_CONNECTIONS,
    HttpSettings,
    read_http_token,
    read_proxy_secret,
)
from logsrv.linelog.http.readers.reader import read_readers
from logsrv.linelog.http.readers.reader_settings import SAVE
from logsrv.linelog.parts.work import PartContext, PartWork

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding
    from logsrv.kit.web.channel import WebFactory
    from logsrv.linelog.http.server import WebServer

log = Logger()

# The help text of each metric, by its name.
_GAUGES = {
    "http_searches": "Searches that are running for web requests.",
    "http_searches_waiting": "Searches that wait, because --http-searches others are running.",
    "http_viewers": "Live views that are open.",
}
_NOTHING_IS_SAVED = "the right save has no effect, because there is no saved = FILE (--saved FILE)"

_IN_THE_CLEAR = (
    "other machines reach the page, and the token and all lines cross the network in the clear"
)
_IN_THE_CLEAR_ADVICE = (
    "listen on ssl:PORT:privateKey=FILE:certKey=FILE, or on tcp:PORT:interface=127.0.0.1 behind a proxy"
    " with TLS"
)


class HttpPart(PartWork[HttpSettings]):
    """The web server of a service, once there is one."""

    metrics = (
        *make_metrics("gauge", _GAUGES),
        Metric(
            "tap_missed_lines_total",
            "counter",
            "Lines that live views missed, added up over the views.",
        ),
        Metric(
            "http_searches_joined_total",
            "counter",
            "Web requests that shared the search of another request.",
        ),
        Metric("http_requests_total", "counter", "Web requests answered.", ("status",)),
    )
    reads_rule_stores = True
    # The file of the token may have been removed since `prepare`.
    may_refuse = True

    def __init__(self, context: PartContext, options: HttpSettings) -> None:
        super().__init__(context, options)
        self._first = options
        self._web: WebServer | None = None

    def prepare(self, options: HttpSettings) -> None:
        if len(set(options.http)) < len(options.http):
            raise ConfigurationError("--http names an endpoint twice")
        # Read before anything is bound: the file of the token may be missing.
        read_readers(options.reader, read_http_token(options))
        read_proxy_secret(options)

    def sites(self, options: HttpSettings, limits: GuardPolicy) -> Sequence[SiteSpec]:
        rules = web_guard_policy(limits, MOST_CONNECTIONS)
        return [
            SiteSpec(
                f"http {one}", one, f"http {one.label}", rules, sentence="page and API at {url}/"
            )
            for one in options.http
        ]

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        factory: Callable[..., WebFactory] = load_object("logsrv.kit.web.channel:WebFactory")
        handle = self._get_or_make_server().handle
        whole: frozenset[bytes] = load_object("logsrv.linelog.http.server:WHOLE_BODIES")
        return factory(handle, self.context.reactor, wanted.label, wanted.settings, whole)

    def _get_or_make_server(self) -> WebServer:
        if self._web is None:
            make: Callable[..., WebServer] = load_object("logsrv.linelog.http.server:WebServer")
            self._web = make(
                self.context.directory,
                self._first,
                position=lambda: self.context.end,
                unhealthy=self.context.unhealthy,
                unready=self.context.unready,
                totals=self.context.totals,
                metrics=self.context.metrics,
                reactor=self.context.reactor,
                endpoints=self.context.endpoints(),
                user_of=user_of_peer if tells_users() else None,
            )
        return self._web

    def apply(self, options: HttpSettings) -> None:
        if not options.http:
            return
        self._get_or_make_server().apply(options)
        for name in _savers_in_vain(options):
            log.warn("reader {name}: {sentence}", name=name, sentence=_NOTHING_IS_SAVED)
        is_open = not options.http_any_user and not options.has_token
        if is_open and not tells_users() and any(one.port is not None for one in options.http):
            log.warn(
                "this system does not tell whose a connection is: every user of this machine can read "
                "at --http; --http-token-file FILE sets a token, --http-any-user says that it is meant"
            )

    def processes(self, options: HttpSettings) -> Sequence[str]:
        return ["searches", "live views"] if options.http else []

    def findings(
        self, options: HttpSettings, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        # The file itself is checked as any new one; once there, it is replaced.
        if options.saved is not None and os.path.exists(options.saved):
            yield check_directory_writable(options.saved.parent, asked.user)
        for endpoint in filter(_is_in_the_clear, options.http):
            yield warning(short_address_text(endpoint), _IN_THE_CLEAR, _IN_THE_CLEAR_ADVICE)
        for name in _savers_in_vain(options):
            yield warning(f"reader {name}", _NOTHING_IS_SAVED, "")

    def stopping(self) -> Deferred[None]:
        # The kit closes silent connections, also one that waits for lines or an answer.
        return succeed(None) if self._web is None else self._web.stop()


def _is_in_the_clear(endpoint: Endpoint) -> bool:
    """Return whether other machines reach a page without TLS. A proxy that sends headers may have TLS."""
    is_plain = endpoint.scheme in ("tcp", "tcp6") and not endpoint.has_certificate
    return is_plain and not endpoint.proxied and not is_private(endpoint)


def _savers_in_vain(options: HttpSettings) -> list[str]:
    """Return the names of readers with the right to save, where nothing is saved."""
    if options.saved is not None:
        return []
    return [one.name for one in options.reader if SAVE in one.may]
