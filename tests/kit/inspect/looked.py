"""A service in memory that is looked into."""

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from logsrv.kit.inspect._view import ServiceView
from logsrv.kit.observe.metrics import Metrics


def looked_into(**more: Any) -> tuple[ServiceView, Any]:
    """A view of a service that has nothing, and that service."""
    service = SimpleNamespace(
        name="shout",
        metrics=Metrics(),
        clock=Clock(),
        settings=None,
        sites=[SimpleNamespace(label="tcp:7000", address="127.0.0.1:7000", state="OPEN")],
        unhealthy=list,
        unready_reasons=list,
        connections=lambda: (),
    )
    vars(service).update(more)
    return ServiceView(service), service
