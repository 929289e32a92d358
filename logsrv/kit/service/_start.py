"""The start of a service: binds its addresses, opens its parts, lets peers in; or says why it cannot."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any, NoReturn

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit.observe._process_log import log_has_begun
from logsrv.kit.observe.rate_limited_log import asyncio_advice
from logsrv.kit.protocols._awaiting import call_as_deferred
from logsrv.kit.service._hooks import ServiceHooks
from logsrv.kit.service._stop import close_failed_service
from logsrv.kit.text.words import error_text
from logsrv.reactor import call_when_running

log = Logger()


@attrs.define(eq=False)
class Start:
    """The start of one service. failed: the reason why it will never be ready, or None.

    reload: called at each SIGHUP, once the service is ready.
    """

    _service: ServiceHooks[Any]
    _reactor: Any
    _reload: Callable[[], object]
    failed: StartError | None = attrs.field(init=False, default=None)
    _waiting: list[Deferred[None]] = attrs.field(init=False, factory=list)
    # The part of the start that needs the running reactor.
    _awaiting: Deferred[None] | None = attrs.field(init=False, default=None)

    def when_ready(self) -> Deferred[None]:
        """Return a Deferred that fires when peers are let in, or fails with StartError."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self._service.ready or self.failed is not None:
            self._fire_waiting(self.failed)
        return waiting

    def _fire_waiting(self, failed: StartError | None) -> None:
        """Fire the Deferreds of `when_ready`: the service is ready, or has failed."""
        self.failed = failed
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None) if failed is None else each.errback(failed)

    def bind(self) -> None:
        """Bind the addresses of the settings, once."""
        service = self._service
        if not service.served:
            try:
                service.served.bind_all(service.all_wanted_sites(service.settings))
            except Exception as error:
                self._abort_start(error)

    def open_parts(self) -> None:
        """Open the service's own parts; the rest of the start waits for the reactor."""
        service = self._service
        service.manager.report_starting()
        _raise_file_limit()
        service.log_settings_warnings(service.settings)
        self.failed = None
        try:
            opening = service.open()
            # --metrics and --inspect also say that the service is not ready yet.
            service.served.open(own=True)
        except Exception as error:
            self._abort_start(error)
        if service.launch is not None:
            service.launch.make_parent_wait()
        # Not before the reactor runs: until then nothing could drain peers at a stop.
        call_when_running(self._reactor, self._continue_in_reactor, opening)

    def _continue_in_reactor(self, opening: Callable[[], Any] | None) -> None:
        # A stop during the start: the reactor stops the service in its next turn.
        stops = self._service.signals.leave_stops_to_reactor()
        if self._service.running and not stops:
            self._awaiting = Deferred.fromCoroutine(self._finish_start(opening))

    async def _finish_start(self, opening: Callable[[], Any] | None) -> None:
        """Await the function of `open`, then let peers in; after an error, end the service and say why."""
        try:
            if opening is not None:
                await call_as_deferred(opening)
            if self._service.running:
                self._let_peers_in()
        except (Exception, SystemExit) as error:
            # A stop cancels the start; that is no failure.
            if self._service.running:
                await self._end_failed_start(error)

    def _let_peers_in(self) -> None:
        service = self._service
        service.served.open(own=False)
        service.watchdog.start()
        service.long_lived.start()
        service.signals.reload_on_hangup(self._reload)
        log.info("{name} is ready", name=service.name)
        service.ready = True
        self._fire_waiting(None)
        service.manager.report_ready(service.status)
        if service.launch is not None:
            service.launch.report_ready()

    async def cancel_start(self) -> None:
        """End a start that is stopped before the service is ready."""
        sentence = f"{self._service.name}: was stopped before it was ready"
        self._fire_waiting(StartError(sentence))
        if self._service.launch is not None:
            self._service.launch.report_stopped(sentence)
        if self._awaiting is not None:
            self._awaiting.cancel()
            await self._awaiting

    def _abort_start(self, error: Exception) -> NoReturn:
        service = self._service
        service.manager.report_failed(f"cannot start: {error}")
        service.served.close_all(0)
        if not self._reactor.running:
            # Twisted closes some sockets in the reactor's next turn, which never comes after a failed
            # start: the file of a UNIX socket would be left behind.
            self._reactor.iterate()
        service.signals.restore_handlers()
        if service.launch is None and not isinstance(error, LogsrvError):
            # A caller other than twistd, such as a test of a plugin, sees the traceback.
            self._fire_waiting(StartError(f"{service.name} cannot start: {error}"))
            raise error
        failed = self._log_failure(error)
        self._fire_waiting(failed)
        if service.launch is not None:
            service.launch.report_refused(failed)
        raise failed from error

    async def _end_failed_start(self, error: BaseException) -> None:
        failed = self._log_failure(error)
        service = self._service
        service.manager.report_failed(str(failed))
        await close_failed_service(service)
        service.signals.restore_handlers()
        self._fire_waiting(failed)
        if service.launch is not None:
            service.launch.fail_process(str(failed))

    def _log_failure(self, error: BaseException) -> StartError:
        """Log why the service cannot start; return the error that says the same to others."""
        name, launch = self._service.name, self._service.launch
        why = asyncio_advice(error, str(name))
        if why is not None:
            error = ConfigurationError(why)
        if isinstance(error, LogsrvError):
            sentence = str(error).removeprefix(f"{name}: ")
            # Under twist the log has not begun yet: then twist prints the sentence instead.
            if launch is None or log_has_begun():
                log.critical(
                    "{name} cannot start: {error}", name=name, error=sentence, failed_start=True
                )
        else:
            sentence = f"cannot start: {error_text(error)}"
            log.failure("{name} cannot start", Failure(error), name=name)
        return StartError(f"{name}: {sentence}")


def _raise_file_limit() -> None:
    """Raise the limit of open files to the most that the system allows this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.info("the limit of open files stays at {soft}: {error}", soft=soft, error=error)
