"""The limit of open files: how many of them peers may have, and what is kept for all else.

Each connection is one. A daemon at the limit still rotates, seals, answers searches and says how it is.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable

import attrs

from logsrv.kit.net.guard.guard import GuardPolicy

# Kept of a large limit; half of it only for the store, searches and child processes.
MOST_KEPT = 128
LEAST_KEPT = 32
# Open in a service that has no peers, as far as they are to be counted in advance.
OWN = 64


@attrs.frozen
class FileLimit:
    """A limit of open files (RLIMIT_NOFILE), and its shares."""

    limit: int

    @classmethod
    def now(cls) -> FileLimit:
        """Return the limit of this process."""
        return cls(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    @property
    def kept(self) -> int:
        """Return how many files are kept from peers; a small limit keeps a quarter."""
        return min(MOST_KEPT, max(LEAST_KEPT, self.limit // 8), self.limit // 4)

    def share(self, *, oversees: bool) -> int:
        """Return below which number a descriptor has to be to be a peer's.

        oversees: the peer asks how the service is, or looks into it, and may have half of what is kept.
        """
        return self.limit - (self.kept // 2 if oversees else self.kept)

    @property
    def connections(self) -> int:
        """Return about how many connections fit; of a small share the service has no more than half."""
        share = self.share(oversees=False)
        return share - min(OWN, share // 2)


def remedy(limit: int) -> str:
    """Return how an operator has a larger limit."""
    return f"LimitNOFILE={limit} in its unit or ulimit -n {limit} before its start"


def most_connections(rules: Iterable[GuardPolicy]) -> int:
    """Return how many connections listeners with such rules let in, all together."""
    return sum(each.max_connections or 0 for each in rules if not each.oversees)


def too_many(connections: int, limit: FileLimit) -> str | None:
    """Return a sentence if so many connections cannot be had within the limit."""
    if connections <= limit.connections:
        return None
    enough = connections
    while FileLimit(enough).connections < connections:
        enough += 1
    return (
        f"--max-connections lets {connections} in, all listeners together, but the limit of "
        f"{limit.limit} open files only about {limit.connections}; {remedy(enough)} allows them"
    )


class OpenFiles:
    """The open files that the peers of one listener may have."""

    __slots__ = ("_limit", "_oversees", "_share")

    def __init__(self, *, oversees: bool) -> None:
        self._oversees = oversees
        self.read()

    def read(self) -> None:
        """Go by the limit as it is now."""
        self._limit = FileLimit.now()
        self._share = self._limit.share(oversees=self._oversees)

    def spent(self, number: int) -> bool:
        """Return true if a descriptor of this number is one of those that are kept."""
        if number < self._share:
            return False
        # The limit may have been raised since.
        self.read()
        return number >= self._share

    @property
    def sentence(self) -> str:
        """Return why a connection is refused, and what helps."""
        return (
            f"the limit of open files is near ({self._limit.limit}, the last {self._limit.kept} are kept; "
            f"{remedy(2 * self._limit.limit)} allows more)"
        )
