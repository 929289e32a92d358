"""The options about connections that every service of the kit has, whatever it serves."""

from __future__ import annotations

import attrs

from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG


@attrs.frozen(kw_only=True, slots=False)
class ConnectionSettings(GuardPolicy):
    """The guard's policy, and whether connections are logged."""

    log_connections: bool = option(False, FLAG, "a line in the log for each connect and disconnect")
