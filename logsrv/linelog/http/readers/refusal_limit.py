"""The limit of lines in the audit log about requests without a right token, which anybody can send.

Without it one client could fill the disk: 3 MB in a second. Each address may cause some lines at once, then
one in six seconds, as often as it may try a token; all together may cause one in a second. What is left out
is counted, and the number is logged each minute:

    audit reader=none left_out=1980 addresses=1

It is apart from audit.py because that knows what a line says, and this knows nothing of it. Requests of
readers are never left out: what they asked is what the log is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from logsrv.kit.connections.rates import TokenBuckets
from logsrv.reactor import Timer

AT_ONCE, SECONDS_EACH = 20, 6.0
"""Lines that an address may cause, and then one after so many seconds."""
ALL_AT_ONCE, ALL_SECONDS_EACH = 200, 1.0
COUNT_SECONDS = 60.0
# Addresses that are told apart between two counts.
_MOST_ADDRESSES = 4096
_ALL = None


class RefusalLimit:
    """Decides which refusals are logged. write: gets the line with the number of the others."""

    def __init__(self, reactor: Any, write: Callable[[str], object]) -> None:
        self._write = write
        self._buckets = TokenBuckets(reactor.seconds)
        self._all = TokenBuckets(reactor.seconds)
        self._timer = Timer(reactor)
        self._left_out = 0
        self._addresses: set[str] = set()

    def admits(self, address: str) -> bool:
        """Return whether a refusal of a client is logged; else count it. address: its `client_key`."""
        if self._buckets.take_token(address, 1 / SECONDS_EACH, AT_ONCE) and self._all.take_token(
            _ALL, 1 / ALL_SECONDS_EACH, ALL_AT_ONCE
        ):
            return True
        self._left_out += 1
        if len(self._addresses) < _MOST_ADDRESSES:
            self._addresses.add(address)
        if not self._timer.running:
            self._timer.start(COUNT_SECONDS, self.write_count)
        return False

    def write_count(self) -> None:
        """Log how many refusals were left out since the last count, if any were."""
        self._timer.stop()
        if self._left_out:
            number, addresses = self._left_out, len(self._addresses)
            self._left_out = 0
            self._addresses.clear()
            self._write(f"audit reader=none left_out={number} addresses={addresses}")
