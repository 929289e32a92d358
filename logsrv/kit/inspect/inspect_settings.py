"""The options for the operator of any service: --inspect with its places, --metrics, --log-format.

Places of --inspect are checked before anything is opened. They are `unix:PATH`, for its owner only, and
other endpoints that no other machine can reach.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint, endpoint_text
from logsrv.kit.net.parse import located_endpoint, parse_endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, Kind, choice, endpoint_kind
from logsrv.kit.web.access import is_private, web_endpoint_kind

# Only for the user who started the service, or root.
MODE = "600"
OTHERS = 0o007


def parse_inspect_place(text: str) -> Endpoint:
    """Parse a place. Raises ValueError with one sentence."""
    scheme, _, _ = text.partition(":")
    if scheme == "ssh":
        raise ValueError(
            "ssh: is gone; take unix:PATH, and from elsewhere ssh -t HOST logsrv connect unix:PATH"
        )
    endpoint = parse_endpoint(text)
    if endpoint.kind != "stream":
        raise ValueError(f"{scheme}: takes no connections; take unix:PATH")
    if not is_private(endpoint):
        raise ValueError(
            f"{scheme}: could be reached by others; take unix:PATH or tcp:PORT:interface=127.0.0.1"
        )
    if scheme != "unix":
        return endpoint
    # The path comes first, as in the text of any endpoint.
    arguments = {"address": "", "mode": MODE, **dict(endpoint.arguments)}
    if int(arguments["mode"], 8) & OTHERS:
        raise ValueError(
            f"mode={arguments['mode']} lets everybody on this machine in; {MODE} is for the user "
            "alone, 660 for a group"
        )
    return attrs.evolve(parse_endpoint(endpoint_text("unix", arguments)), text=text)


PLACE: Kind[Endpoint] = attrs.evolve(
    endpoint_kind(parse_inspect_place, locate=located_endpoint),
    accepted="unix:PATH or tcp:PORT:interface=127.0.0.1",
    metavar="ENDPOINT",
)


@attrs.frozen(kw_only=True, slots=False)
class InspectSettings:
    """The options about inspection."""

    help_group: ClassVar[str] = "Looking inside"
    goes_with: ClassVar[str] = "inspect"

    inspect: tuple[Endpoint, ...] = option(
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
