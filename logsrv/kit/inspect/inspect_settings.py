"""The options for the operator of any service: --inspect, --metrics, --log-format."""

from __future__ import annotations

from typing import ClassVar

import attrs

from logsrv.kit.inspect.inspect_place import PLACE, InspectPlace
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, choice
from logsrv.kit.web.endpoints import web_endpoint_kind


@attrs.frozen(kw_only=True, slots=False)
class InspectSettings:
    """The options about inspection."""

    help_group: ClassVar[str] = "Looking inside"
    goes_with: ClassVar[str] = "inspect"

    inspect: tuple[InspectPlace, ...] = option(
        (), PLACE, "look at connections, counters, tasks and stacks here",
        repeatable=True,
    )  # fmt: skip
    inspect_python: bool = option(
        False,
        FLAG,
        "allow Python there; whoever connects can do what the service may",
    )


@attrs.frozen(kw_only=True, slots=False)
class OperatorSettings(InspectSettings, GuardPolicy):
    """The options that every service has: about connections, and for its operator."""

    help_group: ClassVar[str] = "Looking inside"

    metrics: tuple[Endpoint, ...] = option(
        (), web_endpoint_kind(9100, "Prometheus connects"),
        "serve /metrics for Prometheus, /healthz and /readyz here",
        repeatable=True,
    )  # fmt: skip
    log_format: str = option(
        "auto",
        choice("auto", "people", "file", "journal", "json", "twisted"),
        "format of the service's own log; auto: people on a terminal, journal under systemd, else file",
    )
