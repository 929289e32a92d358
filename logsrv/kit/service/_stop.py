"""The stop of a service: drains the connections and closes everything, each step within its time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import LogsrvError
from logsrv.kit.protocols._deadline import with_time_limit
from logsrv.kit.service._hooks import ServiceHooks
from logsrv.kit.text.words import counted

log = Logger()

# Seconds to take in input that has arrived; then a peer that still sends is cut off. Usually the later
# steps of a stop are short, and all of it takes less than 5 s.
DRAIN_SECONDS = 4.0
# Seconds for `close`, which then is cancelled: the store writes its pending lines, maybe on a slow disk.
CLOSE_SECONDS = 20.0
STOP_SECONDS = 5 * DRAIN_SECONDS + CLOSE_SECONDS


def announce_stop(service: ServiceHooks[Any]) -> None:
    """Log that a stop begins, now and at each further request for a stop."""
    impatient = partial(
        log.info,
        "{name}: is stopping already, which may take up to {seconds:g} s",
        name=service.name,
        seconds=STOP_SECONDS,
    )
    service.signals.answer_stop_signals(STOP_SECONDS, impatient)
    service.manager.report_stopping(STOP_SECONDS)
    log.info("{name}: stopping", name=service.name)


async def stop_service(service: ServiceHooks[Any], first: Callable[[], Any], doing: str) -> None:
    """Stop a service. first: the step while peers are still connected. doing: its name in the log."""
    await await_step_logged(service, DRAIN_SECONDS, first, doing)
    await _close_parts(service, DRAIN_SECONDS)
    service.watchdog.stop()
    service.manager.end_heartbeat()
    service.long_lived.stop()
    totals = service.metrics.totals()
    figures = ", ".join(f"{name} {value:.0f}" for name, value in totals.items() if value)
    log.info("{name} counted: {counted}", name=service.name, counted=figures or "nothing")
    log.info(
        "{name}: stopped, {connections} cut off",
        name=service.name,
        cut=service.served.cut,
        connections=counted(service.served.cut, "connection"),
    )
    service.signals.restore_handlers()


async def close_failed_service(service: ServiceHooks[Any]) -> None:
    """End a service whose start has failed."""
    service.running = 0
    await _close_parts(service, 0)


async def _close_parts(service: ServiceHooks[Any], seconds: float) -> None:
    def close_listeners() -> Deferred[Any]:
        closed = service.served.close_all(seconds)
        vacated = Deferred.fromCoroutine(service.served.wait_until_vacated())
        vacated.addCallback(lambda _: service.manager.report_vacated())
        return closed

    await await_step_logged(service, 2 * DRAIN_SECONDS, close_listeners, "closing the listeners")
    await await_step_logged(
        service, 2 * DRAIN_SECONDS, service.end_background_work, "ending its tasks"
    )
    await await_step_logged(service, CLOSE_SECONDS, service.close, "closing")


async def await_step_logged(
    service: ServiceHooks[Any], seconds: float, step: Callable[[], Any], doing: str
) -> None:
    """Await a step of a stop, plain or async; if it fails or takes more than `seconds`, log that and go on.

    doing: the name of the step in the log.
    """
    name = service.name
    try:
        await with_time_limit(step, seconds, service.clock)
    except DeferredTimeout:
        log.error(
            "{name}: {doing} has taken {seconds:g} s and is given up",
            name=name,
            doing=doing,
            seconds=seconds,
        )
    except LogsrvError as error:
        log.error("{name}: {error}", name=name, error=str(error))
    except (Exception, SystemExit):
        log.failure("{name}: {doing} failed", Failure(), name=name, doing=doing)
