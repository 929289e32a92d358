"""The target `syslog:`: counted messages over TCP (RFC 6587) or TLS (RFC 5425).

The protocol has no acknowledgements.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from logsrv.linelog.fields.outgoing_syslog import syslog_messages
from logsrv.linelog.formats.syslog.send import octet_counted_frames
from logsrv.linelog.ship.targets.server_connection import STEP, ServerConnection, connect_to_server
from logsrv.linelog.ship.targets.target import LineBatch
from logsrv.linelog.ship.targets.target_plugin import TargetSettings


class SyslogTarget:
    """A server that never answers; `send` waits until its operating system has acknowledged the bytes."""

    promise = (
        "no acknowledgement: a line counts as sent when the server's system has received its bytes;"
        " what the server had not read when it ended, or its machine failed, is lost"
        " (take relp: if that matters)"
    )
    most_lines = 16_384
    most_bytes = 2 << 20
    ahead = 0

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        self._connect = partial(connect_to_server, settings, reactor, answers=False)
        self._connection: ServerConnection | None = None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def send(self, batch: LineBatch) -> None:
        """Send lines; return when the operating system of the server has them."""
        lines = batch.lines
        if not lines:
            return
        connection = self._connection
        if connection is None or connection.ended:
            connection = self._connection = await self._connect()
        try:
            for at in range(0, len(lines), STEP):
                messages = syslog_messages(lines[at : at + STEP])
                await connection.write_and_yield(octet_counted_frames(messages))
            await connection.wait_until_acknowledged()
        except BaseException:
            self._connection = None
            connection.abort()
            raise
