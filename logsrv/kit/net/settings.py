"""The options that every service of the kit has, whatever it serves."""

from __future__ import annotations

import attrs

from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, FLAG, NETWORK, Network, integer


@attrs.frozen(kw_only=True, slots=False)
class ConnectionSettings:
    """Who may connect, how many, how long in silence; whether it is logged."""

    allow: tuple[Network, ...] = option(
        (), NETWORK, "who may connect; with this, nobody else may", repeatable=True
    )
    deny: tuple[Network, ...] = option(
        (), NETWORK, "who may not connect, even where --allow lets them", repeatable=True
    )
    max_connections: int | None = option(
        None, integer(1), "how many connections a listener has at a time"
    )
    max_connections_per_peer: int | None = option(
        None, integer(1), "how many connections one address has at a time"
    )
    idle_timeout: float | None = option(
        None, DURATION, "close connections that have sent nothing for so long"
    )
    log_connections: bool = option(False, FLAG, "a line in the log for each connect and disconnect")

    @property
    def guard_policy(self) -> GuardPolicy:
        """The same as the guard wants it."""
        return GuardPolicy(
            allow=self.allow,
            deny=self.deny,
            max_connections=self.max_connections,
            max_connections_per_peer=self.max_connections_per_peer,
            idle_timeout=self.idle_timeout,
        )
