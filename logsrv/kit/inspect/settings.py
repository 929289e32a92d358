"""The options by which an operator looks at a service from outside and from inside."""

from __future__ import annotations

from typing import ClassVar

import attrs

from logsrv.kit.inspect.places import PLACE, InspectPlace
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, choice
from logsrv.kit.web.endpoints import web_endpoint


@attrs.frozen(kw_only=True, slots=False)
class InspectSettings:
    """The options about a look inside."""

    help_group: ClassVar[str] = "Looking inside"
    goes_with: ClassVar[str] = "inspect"

    inspect: tuple[InspectPlace, ...] = option(
        (), PLACE, "where to look inside: connections, counters, tasks, stacks; such as "
        "unix:/run/inspect.sock",
        repeatable=True,
    )  # fmt: skip
    inspect_python: bool = option(
        False,
        FLAG,
        "let who looks inside run Python there: he can then do whatever the service can",
    )


@attrs.frozen(kw_only=True, slots=False)
class OperatorSettings(InspectSettings, GuardPolicy):
    """The options about connections, and all that every service has for its operator."""

    help_group: ClassVar[str] = "Looking inside"

    metrics: tuple[Endpoint, ...] = option(
        (), web_endpoint(9100, "Prometheus connects"),
        "where to serve /metrics for Prometheus, /healthz and /readyz, such as "
        "tcp:9100:interface=127.0.0.1",
        repeatable=True,
    )  # fmt: skip
    log_format: str = option(
        "auto",
        choice("auto", "people", "file", "journal", "json", "twisted"),
        "the lines of the service's own log; auto: for people on a terminal, for the journal where systemd"
        " reads it, else as in a file",
    )
