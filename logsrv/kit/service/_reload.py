"""The reload of a service: reads the settings again, and applies all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from logsrv.errors import LogsrvError
from logsrv.kit.protocols._awaiting import CANCELLED, call_as_deferred
from logsrv.kit.protocols._deadline import with_time_limit
from logsrv.kit.service._hooks import ServiceHooks, Settings
from logsrv.kit.service._stop import CLOSE_SECONDS, DRAIN_SECONDS
from logsrv.kit.service.sites import Site
from logsrv.kit.text.words import counted, error_text

log = Logger()


class Reloader(Generic[Settings]):
    """The reloads of one service, one after another.

    load: reads the settings again. Raises ConfigurationError when they are wrong.
    """

    def __init__(self, service: ServiceHooks[Settings], load: Callable[[], Settings]) -> None:
        self._service = service
        self.load = load
        # The reload that runs, and one more if it was asked for meanwhile: 0, 1 or 2.
        self._asked = 0
        self._applying: Deferred[Any] = succeed(None)
        # The new sites of the reload that runs, until peers are let in.
        self._added: dict[str, Site] = {}

    def request_reload(self) -> Deferred[None]:
        """Read and apply the settings; if they are wrong, log that and keep the old ones.

        Fires when it is done. A call during a reload fires at once, and makes that reload run once more.
        """
        self._asked = min(self._asked + 1, 2)
        return succeed(None) if self._asked > 1 else Deferred.fromCoroutine(self._run_requested())

    async def _run_requested(self) -> None:
        service = self._service
        try:
            while self._asked:
                refused = ""
                try:
                    if service.ready:
                        service.manager.report_reloading()
                        await self.reload_once()
                except (Exception, SystemExit, *CANCELLED) as error:
                    # A stop cancels `apply`; that is no refusal.
                    if service.ready or not isinstance(error, CANCELLED):
                        refused = self._log_refused(error)
                if service.ready:
                    service.manager.report_reloaded(refused)
                self._asked -= 1
        finally:
            # An error whose text fails, too, ends this reload and no later one.
            self._asked = 0

    def _log_refused(self, error: BaseException) -> str:
        """Log why a reload was refused; return the reason."""
        name, refused = self._service.name, str(error)
        if not isinstance(error, LogsrvError):
            log.failure("{name}: the reload failed", name=name)
            refused = error_text(error)
        log.error(
            "{name}: reload refused, the old settings stay: {error}", name=name, error=refused
        )
        return refused

    async def reload_once(self) -> None:
        """Load the settings and apply all of them. Raises the error that refuses them."""
        service = self._service
        settings = self.load()
        wanted = service.all_wanted_sites(settings)
        # A site that an earlier reload removed may still have its address, and may be wanted again.
        await service.served.wait_until_vacated()
        if not service.running:
            return
        added = self._added
        try:
            # Before `apply`, because that cannot be undone. Peers wait until `open`.
            service.served.bind_new(wanted, added)
            # The last thing that can fail.
            await with_time_limit(lambda: self._begin_apply(settings), CLOSE_SECONDS, service.clock)
        except BaseException:
            service.served.close_added(added)
            raise
        if not service.running:
            # A stop came meanwhile.
            service.served.close_added(added)
            return
        self._added = {}
        service.settings = settings
        gone = service.served.apply_change(wanted, added, DRAIN_SECONDS)
        if service.launch is not None:
            service.launch.log_new_warnings()
        service.log_settings_warnings(settings)
        log.info(
            "{name}: reloaded, {added} added, {gone} removed",
            name=service.name,
            added=counted(len(added), "listener"),
            gone=gone,
        )

    def _begin_apply(self, settings: Settings) -> Deferred[Any]:
        self._applying = call_as_deferred(lambda: self._service.apply(settings))
        return self._applying

    def cancel_apply(self) -> Deferred[Any]:
        """Cancel `apply`, and close the new sites; return a Deferred that fires when it has ended."""
        self._applying.cancel()
        # Here, too, because it may go on for longer than the stop lasts.
        self._service.served.close_added(self._added)
        return self._applying
