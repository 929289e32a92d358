"""The service of every plugin: its sites start, reload, drain and stop together.

`_start.py`, `_reload.py` and `_stop.py` do these three, `_hooks.py` has the parts that they share.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed

from logsrv.kit.net._ports import inherited_descriptors
from logsrv.kit.net.listen import listener_for
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.protocols._awaiting import call_as_deferred
from logsrv.kit.service._hooks import ServiceHooks, Settings
from logsrv.kit.service._manager import ServiceManager
from logsrv.kit.service._reload import Reloader
from logsrv.kit.service._start import Start
from logsrv.kit.service._stop import announce_stop, stop_service


class ListeningService(ServiceHooks[Settings]):
    """A service: it starts the sites of its settings, SIGHUP loads the settings again, and a stop loses no
    received data.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        reactor: Any,
        metrics: Metrics,
    ) -> None:
        """`load` reads the settings again; it raises ConfigurationError when they are wrong."""
        super().__init__(name, settings, reactor=reactor, metrics=metrics)
        self.reloads = Reloader(self, load)
        # A lambda, because `logsrv run` replaces `reload`.
        self._start = Start(self, reactor, lambda: self.reload())

    def take_over_process(self) -> None:
        """Take over this process: its signals, its service manager, and the sockets that the manager kept.

        Signals are remembered from now on.
        """
        self.signals.remember_hangups()
        self.signals.remember_stops()
        self.manager = ServiceManager(os.environ, self._reactor, inherited_descriptors())
        self.make_listener = partial(listener_for, kept=self.manager.kept)

    def when_ready(self) -> Deferred[None]:
        """Return a Deferred that fires when peers are let in, or fails with StartError."""
        return self._start.when_ready()

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self.launch is not None:
            self.launch.take_over_log(parent)

    def privilegedStartService(self) -> None:
        """Bind, as root if need be: twistd gives up its privileges only after this."""
        self._start.bind()

    def startService(self) -> None:
        # `twist` has no privileged start.
        self._start.bind()
        super().startService()
        self._start.open_parts()

    def reload(self) -> Deferred[None]:
        """Read and apply the settings; if they are wrong, log this, and keep the old settings.

        Fires when it is done. A call during a reload fires at once, and makes that reload run once more.
        """
        return self.reloads.request_reload()

    def stopService(self) -> Deferred[None]:
        if self._start.failed is not None:
            # The failed start has closed everything.
            return succeed(None)
        super().stopService()
        first = self._finish_work if self.ready else self._start.cancel_start
        doing = "finishing current requests" if self.ready else "breaking off its start"
        self.ready = False
        announce_stop(self)
        return Deferred.fromCoroutine(stop_service(self, first, doing))

    async def _finish_work(self) -> None:
        applied = self.reloads.cancel_apply()
        try:
            await call_as_deferred(self.stopping)
        finally:
            # `close` may close something that it uses.
            await applied
