"""The options of every service for its operator: --inspect with its addresses, --metrics, and --log-format.

Addresses of --inspect are checked before anything is opened. They are `unix:PATH`, for its owner only,
`ssh:PORT:keys=FILE:hostKey=FILE`, and other endpoints that no other machine can reach.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint, endpoint_text
from logsrv.kit.net.parse import located_endpoint, named_arguments, parse_endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, Kind, choice, endpoint_kind
from logsrv.kit.text.words import shown
from logsrv.kit.web.access import is_private, web_endpoint_kind

SSH_ARGUMENTS = ("port", "interface", "keys", "hostKey")
# Only for the user who started the service, or root.
MODE = "600"
OTHERS = 0o007


@attrs.frozen
class InspectEndpoint:
    """An address of --inspect; `str()` returns its text.

    keys: the file of the public keys that may log in; None if it is not SSH. host_key: the file of the
    server's private key, which is created if it is missing.
    """

    text: str
    endpoint: Endpoint
    keys: Path | None = None
    host_key: Path | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def label(self) -> str:
        """Return the text of the address without its files, for metrics and the log."""
        if self.keys:
            return f"ssh{self.endpoint.text.removeprefix('tcp')}"
        return self.endpoint.label if self.endpoint.has_certificate else self.text

    @property
    def key(self) -> str:
        """Return the identity of the listener, which does not depend on its key files."""
        return f"ssh {self.endpoint}" if self.keys else str(self.endpoint)

    def with_paths_below(self, directory: Path) -> InspectEndpoint:
        """Return the same address, with `directory` put before its relative paths."""
        return attrs.evolve(
            self,
            endpoint=located_endpoint(self.endpoint, directory),
            keys=None if self.keys is None else directory / self.keys,
            host_key=None if self.host_key is None else directory / self.host_key,
        )


def parse_inspect_endpoint(text: str) -> InspectEndpoint:
    """Parse the text of an address of --inspect. Raises ValueError with one sentence."""
    scheme, _, rest = text.partition(":")
    if scheme == "ssh":
        return _parse_ssh(text, rest)
    endpoint = parse_endpoint(text)
    if endpoint.kind != "stream":
        raise ValueError(f"{scheme}: takes no connections; take unix:PATH, or ssh:PORT:keys=FILE")
    if not is_private(endpoint):
        raise ValueError(
            f"{scheme}: could be reached by others; take unix:PATH, ssh:PORT:keys=FILE:hostKey=FILE or "
            "tcp:PORT:interface=127.0.0.1"
        )
    if scheme == "unix":
        # The path comes first, as in the text of any endpoint.
        arguments = {"address": "", "mode": MODE, **dict(endpoint.arguments)}
        if int(arguments["mode"], 8) & OTHERS:
            raise ValueError(
                f"mode={arguments['mode']} lets everybody on this machine in; {MODE} is for the user "
                "alone, 660 for a group"
            )
        endpoint = parse_endpoint(endpoint_text("unix", arguments))
    return InspectEndpoint(text, endpoint)


def _parse_ssh(text: str, rest: str) -> InspectEndpoint:
    arguments = named_arguments("ssh", rest, SSH_ARGUMENTS)
    for name, what in (("keys", "of who may log in"), ("hostKey", "made if it is not there")):
        if not arguments.get(name):
            raise ValueError(
                f"ssh: has no {name}=FILE, {what}; write ssh:PORT:keys=FILE:hostKey=FILE"
            )
        if "\0" in arguments[name]:
            raise ValueError(f"{name}={shown(arguments[name])} is no path")
    keys, host_key = (Path(arguments.pop(name)).expanduser() for name in ("keys", "hostKey"))
    if not arguments.get("port"):
        raise ValueError("ssh: has no port; 0 takes any free one")
    return InspectEndpoint(text, parse_endpoint(endpoint_text("tcp", arguments)), keys, host_key)


INSPECT: Kind[InspectEndpoint] = attrs.evolve(
    endpoint_kind(parse_inspect_endpoint, locate=InspectEndpoint.with_paths_below),
    accepted="unix:PATH, ssh:PORT:keys=FILE:hostKey=FILE or tcp:PORT:interface=127.0.0.1",
    metavar="ENDPOINT",
)


@attrs.frozen(kw_only=True, slots=False)
class InspectSettings:
    """The options about inspection."""

    help_group: ClassVar[str] = "Looking inside"
    goes_with: ClassVar[str] = "inspect"

    inspect: tuple[InspectEndpoint, ...] = option(
        (), INSPECT, "show connections, counters, tasks and stacks to the operator here",
        repeatable=True,
    )  # fmt: skip
    inspect_python: bool = option(
        False,
        FLAG,
        "allow Python at --inspect; whoever connects then has all rights of the service",
    )


@attrs.frozen(kw_only=True, slots=False)
class OperatorSettings(InspectSettings, GuardPolicy):
    """The options that every service has: those for connections, and those for its operator."""

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
