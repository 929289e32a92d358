"""The start of a service: binds its places, opens its parts, and lets peers in; or says why it cannot."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit.net.twisted.twistd import log_has_begun
from logsrv.kit.observe.failures import asyncio_advice
from logsrv.kit.protocols.awaiting import call_as_deferred
from logsrv.kit.service.hooks import ServiceHooks
from logsrv.kit.service.steps import when_running
from logsrv.kit.service.stop import take_back
from logsrv.kit.text.words import error_text

log = Logger()


class Start:
    """The start of one service. failed: the reason why it will never be ready, or None."""

    def __init__(
        self, service: ServiceHooks[Any], reactor: Any, reload: Callable[[], object]
    ) -> None:
        """`reload`: called at each SIGHUP, once the service is ready."""
        self._service = service
        self._reactor = reactor
        self._reload = reload
        self.failed: StartError | None = None
        self._waiting: list[Deferred[None]] = []
        # The part of the start that needs the running reactor.
        self._awaiting: Deferred[None] | None = None

    def when_ready(self) -> Deferred[None]:
        """Return a Deferred that fires when peers are let in, or fails with StartError."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self._service.ready or self.failed is not None:
            self._answer(self.failed)
        return waiting

    def _answer(self, failed: StartError | None) -> None:
        """Fire the Deferreds of `when_ready`: the service is ready, or has failed."""
        self.failed = failed
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None) if failed is None else each.errback(failed)

    def bind(self) -> None:
        """Bind the places of the settings, once."""
        service = self._service
        if not service.served:
            try:
                service.served.bind(service.all_wanted(service.settings))
            except Exception as error:
                self._cannot_start(error)

    def begin(self) -> None:
        """Open the service's own parts; the rest of the start waits for the reactor."""
        service = self._service
        service.manager.starting()
        _raise_file_limit()
        service.cautions.tell(service.settings)
        self.failed = None
        try:
            opening = service.open()
            # --metrics and --inspect also say that the service is not ready yet.
            service.served.open(own=True)
        except Exception as error:
            self._cannot_start(error)
        if service.launch is not None:
            service.launch.wait()
        # Not before the reactor runs: until then SIGTERM kills the process, and would cut off peers.
        when_running(self._reactor, self._run, opening)

    def _run(self, opening: Callable[[], Any] | None) -> None:
        if self._service.running:
            self._awaiting = Deferred.fromCoroutine(self._finish(opening))

    async def _finish(self, opening: Callable[[], Any] | None) -> None:
        """Await the function of `open`, then let peers in; after an error, end the service and say why."""
        try:
            if opening is not None:
                await call_as_deferred(opening)
            if self._service.running:
                self._let_in()
        except (Exception, SystemExit) as error:
            # A stop cancels the start; that is no failure.
            if self._service.running:
                await self._give_up(error)

    def _let_in(self) -> None:
        service = self._service
        service.served.open(own=False)
        service.watchdog.start()
        service.long_lived.start()
        service.signals.ready(self._reload)
        log.info("{name} is ready", name=service.name)
        service.ready = True
        self._answer(None)
        service.manager.ready(service.status)
        if service.launch is not None:
            service.launch.ready()

    async def break_off(self) -> None:
        """End a start that is stopped before the service is ready."""
        sentence = f"{self._service.name}: was stopped before it was ready"
        self._answer(StartError(sentence))
        if self._service.launch is not None:
            self._service.launch.stopped(sentence)
        if self._awaiting is not None:
            self._awaiting.cancel()
            await self._awaiting

    def _cannot_start(self, error: Exception) -> NoReturn:
        service = self._service
        service.manager.failed(f"cannot start: {error}")
        service.served.close(0)
        if not self._reactor.running:
            # Twisted closes some sockets in the reactor's next turn, which never comes after a failed
            # start: the file of a UNIX socket would be left behind.
            self._reactor.iterate()
        service.signals.release()
        if service.launch is None and not isinstance(error, LogsrvError):
            # A caller other than twistd, such as a test of a plugin, sees the traceback.
            self._answer(StartError(f"{service.name} cannot start: {error}"))
            raise error
        failed = self._log_failure(error)
        self._answer(failed)
        if service.launch is not None:
            service.launch.refused(failed)
        raise failed from error

    async def _give_up(self, error: BaseException) -> None:
        failed = self._log_failure(error)
        service = self._service
        service.manager.failed(str(failed))
        await take_back(service)
        service.signals.release()
        self._answer(failed)
        if service.launch is not None:
            service.launch.failed(str(failed))

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
