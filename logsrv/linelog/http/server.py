"""The web server of the line logger: it checks each request and passes it to the part that answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import QueryError, StoreError
from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.net.peer_user import UserOfPeer
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.channel import WebRequest
from logsrv.kit.web.monitor import Monitor
from logsrv.linelog.http import assets
from logsrv.linelog.http.access import AccessRules, TrustedProxy, UnknownReaderError, asking_client
from logsrv.linelog.http.board_variables import variables_hint
from logsrv.linelog.http.endpoints import (
    BOARD_FILE,
    BY_PATH,
    EVENTS,
    JSON,
    SAVED,
    TAIL,
    AnyEndpoint,
    ApiEndpoint,
    ApiRequest,
    openapi_document,
)
from logsrv.linelog.http.http_settings import (
    HttpSettings,
    read_http_token,
    read_proxy_secret,
)
from logsrv.linelog.http.log_in_page import LogInPage, link_to_page
from logsrv.linelog.http.part_endpoints import KnownPath, PartEndpoints, nothing_at
from logsrv.linelog.http.problems import STOPPING, Problem, query_problem
from logsrv.linelog.http.readers.audit import AuditLog
from logsrv.linelog.http.readers.reader import Reader, read_readers
from logsrv.linelog.http.readers.reader_settings import SAVE
from logsrv.linelog.http.responses import ResponseSender, SearchAnswer, set_hints
from logsrv.linelog.http.saved.board_file import read_import
from logsrv.linelog.http.saved.saved_searches import SavedSearches, as_unchangeable
from logsrv.linelog.http.searching.search_order import TailValues, Work
from logsrv.linelog.http.searching.searches import Searches
from logsrv.linelog.http.statistics import StoreStatistics, totals_for_some_lines
from logsrv.linelog.http.views.view_process import LiveViews
from logsrv.linelog.http.views.view_protocol import LiveQuery
from logsrv.linelog.http.views.viewer import Viewer
from logsrv.linelog.parts.endpoints import PartEndpoint, ProcessAnswer, RefusedRequest
from logsrv.linelog.query.hints import foreign_syntax_hints
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.render import safe_json
from logsrv.linelog.store.cursor import Place, parse_place
from logsrv.reactor import time_of_day

log = Logger()
_Values = TypeVar("_Values", bound=Mapping[str, object])

LOG_OUT = "/logout"
READ_METHODS = ("GET", "HEAD")
WHOLE_BODIES = frozenset((BOARD_FILE.encode(),))
"""Paths to which more is sent than a form."""


class WebServer:
    """The server of all web listeners, which call `handle` for each request.

    directory: returns the present directory of the store. position: returns where the next lines begin.
    unhealthy, unready: return the reasons for /healthz and /readyz: why lines are not stored, or not
    received. totals: returns the answer of /api/stats; called in a thread. endpoints: those of other parts.
    user_of: tells whose a connection within this machine is; None if the system does not.
    """

    def __init__(
        self,
        directory: Callable[[], str],
        settings: HttpSettings,
        *,
        position: Callable[[], Place],
        unhealthy: Callable[[], list[str]],
        unready: Callable[[], list[str]],
        totals: Callable[[], dict[str, Any]],
        metrics: Metrics,
        reactor: Any,
        endpoints: Iterable[PartEndpoint] = (),
        user_of: UserOfPeer | None = None,
    ) -> None:
        # Load the library of expressions, and join the page's files, so that no request waits for that.
        parse("/./")
        for page in assets.PAGES.values():
            page()
        assets.static_files()
        self._directory = directory
        self._position = position
        self._reactor = reactor
        self._user_of = user_of
        self.metrics = metrics
        self._responses = ResponseSender(metrics)
        self._monitor = Monitor(metrics, unhealthy=unhealthy, unready=unready)
        self._attempts = TokenBuckets(reactor.seconds)
        # Until `apply` has read the token, all requests are refused.
        self._access: AccessRules | None = None
        self._searches = Searches(
            directory,
            reactor,
            at_once=settings.http_searches,
            seconds=settings.http_search_time,
            joined=lambda: metrics.count("http_searches_joined_total"),
        )
        self._views = LiveViews(directory, reactor)
        # All answers that may take long, each with its reader.
        self._streams: dict[Viewer | SearchAnswer, Reader] = {}
        self._audit = AuditLog(reactor)
        self._log_in_page = LogInPage(settings, self._responses, self._audit, reactor)
        self._statistics = StoreStatistics(totals, reactor)
        self._saved = SavedSearches(reactor)
        self._of_parts = PartEndpoints(endpoints)
        # The endpoints that the server answers by itself; a searching process answers all others.
        self._own_answers: dict[str, Callable[[WebRequest, Reader], None]] = {
            "/metrics": self._answer_metrics,
            "/openapi.json": self._answer_description,
            "/api/me": self._answer_who_asks,
            "/api/stats": self._answer_statistics,
            SAVED: self._answer_saved,
        }
        self._stopping = False
        metrics.watch("http_viewers", lambda: sum(isinstance(one, Viewer) for one in self._streams))
        metrics.watch("http_searches", lambda: self._searches.running_count)
        metrics.watch("http_searches_waiting", lambda: self._searches.waiting_count)

    def apply(self, settings: HttpSettings) -> None:
        """Use these settings from the next request on. Raises ConfigurationError; then nothing changes."""
        token = read_http_token(settings)
        readers = read_readers(settings.reader, token)
        secret = read_proxy_secret(settings)
        user_of = None if settings.http_any_user and token is None else self._user_of
        proxy = None
        if settings.http_user_header is not None and secret is not None:
            proxy = TrustedProxy(settings.http_user_header, secret)
        access = AccessRules(
            settings.http_host, readers, self._attempts, user_of, proxy, code_token=token
        )
        self._access = access
        self._audit.is_on = settings.audit
        # Readers who are gone, or see other lines now, lose their streams. A client that has the new token,
        # or needs none, connects again.
        for stream, reader in list(self._streams.items()):
            if why := access.why_gone(reader):
                stream.close(why)
        self._searches.set_limits(at_once=settings.http_searches, seconds=settings.http_search_time)
        self._saved.file = settings.saved
        self._log_in_page.settings = settings

    def stop(self) -> Deferred[None]:
        """Close all streams and refuse requests. The Deferred fires when no process is left."""
        self._stopping = True
        for stream in list(self._streams):
            if isinstance(stream, Viewer):
                stream.close(str(STOPPING))
        self._audit.stop()
        ended = DeferredList([self._searches.stop(), self._views.stop()])
        return ended.addCallback(lambda _: None)

    def handle(self, request: WebRequest) -> None:
        """Answer a request, now or later."""
        self._audit.begin(request)
        try:
            self._route_request(request)
        except Exception as error:
            if isinstance(error, UnknownReaderError):
                self._audit.note_unknown(request, error.name)
            self._answer_failure(Failure(), request)

    def _route_request(self, request: WebRequest) -> None:
        if self._access is None or self._stopping:
            raise STOPPING
        if refusal := request.refusal:
            raise Problem(refusal.status, refusal.sentence, refusal.headers)
        path = request.path.decode("latin-1")
        self._access.check_host(request)
        is_page = path in assets.PAGES or (path == assets.LOG_IN and request.method != b"POST")
        self._access.check_origin(request, page=is_page)
        endpoint = BY_PATH.get(path)
        static = assets.find_static(path)
        if static is None and not (endpoint is not None and endpoint.open):
            self._access.check_user(request)
        if static is not None:
            self._require_method(request, *READ_METHODS)
            # These files are public, and the log-in page loads them.
            self._responses.send_asset(request, *static)
        elif path == assets.LOG_IN:
            self._require_method(request, *READ_METHODS, "POST")
            self._log_in_page.answer(request, self._access)
        elif path in assets.PAGES:
            self._require_method(request, *READ_METHODS)
            self._send_page(request, assets.PAGES[path](), self._access)
        elif endpoint is not None and endpoint.open:
            self._require_method(request, *READ_METHODS)
            self._answer_monitor(request, endpoint)
        else:
            reader = self._access.reader_of(request)
            self._audit.note_reader(request, reader)
            self._route_for_reader(request, path, reader, self._access)

    def _route_for_reader(
        self, request: WebRequest, path: str, reader: Reader, access: AccessRules
    ) -> None:
        endpoint = BY_PATH.get(path)
        if path == LOG_OUT:
            self._require_method(request, "POST")
            self._responses.redirect_to_page(request, access.log_out_cookies(request))
        elif path.startswith(f"{SAVED}/"):
            self._require_method(request, "PUT", "DELETE")
            reader.require(SAVE)
            self._answer_later(request, self._saved.request_change(request))
        elif path == BOARD_FILE:
            self._require_method(request, "POST")
            reader.require(SAVE)
            self._answer_later(request, self._saved.request_change(request, read_import))
        elif endpoint is not None:
            self._require_method(request, *READ_METHODS)
            if not endpoint.of_some_lines:
                reader.require_all_lines(path)
            self._answer_api(request, endpoint, reader)
        elif (known := self._of_parts.find(path)) is not None:
            self._require_method(request, *known.allowed)
            self._answer_by_part(request, known, reader)
        else:
            raise nothing_at(path)

    def _require_method(self, request: WebRequest, *methods: str) -> None:
        allowed = ", ".join(methods)
        if request.method.decode("latin-1") not in methods:
            raise Problem(405, f"only {allowed} can be done here", {"Allow": allowed})
        if request.has_body and request.method not in (b"POST", b"PUT", b"DELETE"):
            request.browser.persistent = 0
            raise Problem(413, "a request for this must not have content", {"Connection": "close"})

    def _send_page(self, request: WebRequest, page: assets.Asset, access: AccessRules) -> None:
        try:
            self._audit.note_reader(request, access.reader_of(request))
        except Problem as problem:
            if problem.status == 403:
                # A proxy has named nobody that is known here: to log in would not help.
                raise
            view = link_to_page(request.uri.decode("latin-1"))
            self._log_in_page.send(request, problem, view=view)
            return
        self._responses.send_asset(request, page, assets.ASKED_FOR)
        self._searches.start_forking()

    def _answer_monitor(self, request: WebRequest, endpoint: AnyEndpoint) -> None:
        """Answer what needs no token."""
        endpoint.parse(request.uri.partition(b"?")[2], time_of_day(self._reactor))
        self._send_monitor_reply(request, endpoint.path)

    def _send_monitor_reply(self, request: WebRequest, path: str) -> None:
        answer = self._monitor.answer(path)
        assert answer is not None
        self._responses.send_body(request, answer.status, answer.body, answer.type)

    def _answer_api(self, request: WebRequest, endpoint: AnyEndpoint, reader: Reader) -> None:
        if endpoint is TAIL and request.method != b"HEAD":
            self._start_viewer(request, self._parse(request, TAIL).values, reader)
            return
        asked = self._parse(request, endpoint)
        if (answer := self._own_answers.get(endpoint.path)) is not None:
            answer(request, reader)
        elif request.method == b"HEAD":
            self._responses.begin_response(request, 200, asked.type)
            request.finish()
        else:
            # Each name in `REPLIES` of `replies`: search, histogram, top, fields and so on.
            self._start_search(request, endpoint, asked, reader)

    def _parse(self, request: WebRequest, endpoint: ApiEndpoint[_Values]) -> ApiRequest[_Values]:
        asked = endpoint.parse(request.uri.partition(b"?")[2], time_of_day(self._reactor))
        query = asked.query
        set_hints(request, [*filter(None, [variables_hint(query)]), *foreign_syntax_hints(query)])
        return asked

    def _answer_metrics(self, request: WebRequest, reader: Reader) -> None:
        self._send_monitor_reply(request, "/metrics")

    def _answer_description(self, request: WebRequest, reader: Reader) -> None:
        document = openapi_document(self._of_parts.openapi_paths())
        self._responses.send_body(request, 200, json.dumps(document).encode())

    def _answer_who_asks(self, request: WebRequest, reader: Reader) -> None:
        assert self._access is not None
        about = reader.document() | {"log_out": self._access.has_cookie(request)}
        self._responses.send_body(request, 200, json.dumps(about).encode() + b"\n")

    def _answer_statistics(self, request: WebRequest, reader: Reader) -> None:
        totals = Deferred.fromCoroutine(self._statistics.get_totals())
        if reader.only:
            totals.addCallback(totals_for_some_lines)
        self._answer_later(request, totals)

    def _answer_saved(self, request: WebRequest, reader: Reader) -> None:
        listed = self._saved.request_list()
        if why_not := reader.why_not(SAVE):
            listed.addCallback(as_unchangeable, why_not)
        self._answer_later(request, listed)

    def _answer_by_part(self, request: WebRequest, known: KnownPath, reader: Reader) -> None:
        answer = known.ask(request, time_of_day(self._reactor), reader)
        if not isinstance(answer, ProcessAnswer):
            self._answer_later(request, answer.addCallback(lambda found: safe_json(found).encode()))
        elif request.method == b"HEAD":
            self._responses.begin_response(request, 200, JSON)
            request.finish()
        else:
            values = {**answer.values}
            work: Work = {"function": answer.work, "values": values, "progress": False}
            self._run_search(request, work, reader, JSON)

    def _start_search(
        self,
        request: WebRequest,
        endpoint: AnyEndpoint,
        asked: ApiRequest[Mapping[str, object]],
        reader: Reader,
    ) -> None:
        work: Work = {
            "function": endpoint.name,
            "values": asked.values,
            "progress": asked.progress,
        }
        query = request.uri.partition(b"?")[2]
        question = (endpoint.path, query) if endpoint.shared else None
        self._run_search(request, work, reader, asked.type, question)

    def _run_search(
        self,
        request: WebRequest,
        work: Work,
        reader: Reader,
        type_: str,
        question: tuple[str, bytes] | None = None,
    ) -> None:
        def begin(request: WebRequest) -> None:
            self._responses.begin_response(request, 200, type_)
            request.pack()

        answer = SearchAnswer(request, self._reactor, begin, self._responses.send_problem)
        search = self._searches.start_search(
            work,
            answer,
            client=asking_client(request),
            only=reader.only,
            question=question,
        )
        self._streams[answer] = reader
        request.notifyFinish().addBoth(lambda _: self._streams.pop(answer, None))
        answer.set_search(search)

    def _start_viewer(self, request: WebRequest, values: TailValues, reader: Reader) -> None:
        after = values["after"]
        last = request.getHeader(b"Last-Event-ID")
        if last:
            after = last.decode("latin-1")
        try:
            begin = None if after is None else parse_place(after)
        except ValueError as error:
            raise Problem(400, f"{'Last-Event-ID' if last else 'after'}: {error}") from None
        viewer = Viewer(
            request,
            LiveQuery(values["q"], values["join"], reader.only),
            self._position,
            self._views,
            self._searches,
            self._reactor,
            missed=lambda lines: self.metrics.count("tap_missed_lines_total", lines),
            ended=lambda ended: self._streams.pop(ended, None),
        )
        viewer.start(begin, lambda: self._responses.begin_response(request, 200, EVENTS))
        self._streams[viewer] = reader
        self._audit.write_begin(request)

    def _answer_later(self, request: WebRequest, answered: Deferred[bytes]) -> None:
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(body: bytes) -> None:
            if not gone:
                self._responses.send_body(request, 200, body)

        def fail(failure: Failure) -> None:
            if not gone:
                self._answer_failure(failure, request)

        answered.addCallback(answer).addErrback(fail)

    def _answer_failure(self, failure: Failure, request: WebRequest) -> None:
        match failure.value:
            case RefusedRequest() as refusal:
                problem = Problem.of_refusal(refusal)
            case QueryError() as error:
                problem = query_problem(error)
            case StoreError() as error:
                problem = Problem(503, str(error))
            case _:
                log.failure("answering a request failed", failure)
                problem = Problem(500, "the server has failed; its log says why")
        self._responses.send_problem(request, problem)
