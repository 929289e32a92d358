"""The limit of open files: how many connections of peers may use, and how many are kept for other work.

Each connection is an open file. A daemon at the limit still rotates, seals, answers searches and reports
its state.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable

import attrs

from logsrv.kit.connections.guard import GuardPolicy

# Bounds of the number of files that are kept from peers. Half of the files may go to peers that ask about
# the service's state; the other half is only for the store, searches and child processes.
MOST_KEPT = 128
LEAST_KEPT = 32
# About the number of files that a service has open without peers.
OWN_FILES = 64


@attrs.frozen
class FileLimit:
    """A limit of open files (RLIMIT_NOFILE), divided between peers and the service."""

    limit: int

    @classmethod
    def of_process(cls) -> FileLimit:
        """Return the limit of this process."""
        return cls(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    @property
    def reserved_files(self) -> int:
        """Return how many files are kept from peers, at most a quarter of the limit."""
        return min(MOST_KEPT, max(LEAST_KEPT, self.limit // 8), self.limit // 4)

    def first_reserved_descriptor(self, *, oversees: bool) -> int:
        """Return the smallest descriptor number that peers may not have.

        oversees: whether the peer asks about the service's state, and may use half of the kept files.
        """
        return self.limit - (self.reserved_files // 2 if oversees else self.reserved_files)

    @property
    def peer_capacity(self) -> int:
        """Return about how many connections of peers fit, beside OWN_FILES of the service itself.

        Of a low limit, the service's own files are counted as half.
        """
        bound = self.first_reserved_descriptor(oversees=False)
        return bound - min(OWN_FILES, bound // 2)


def larger_limit_advice(limit: int) -> str:
    """Return the settings by which an operator gets a larger limit."""
    return f"LimitNOFILE={limit} in its unit or ulimit -n {limit} before its start"


def total_max_connections(rules: Iterable[GuardPolicy]) -> int:
    """Return how many connections listeners with these rules admit, all together."""
    return sum(each.max_connections or 0 for each in rules if not each.oversees)


def file_limit_warning(connections: int, limit: FileLimit) -> str | None:
    """Return a sentence with the remedy if the limit is too small for this many connections, else None."""
    if connections <= limit.peer_capacity:
        return None
    enough = connections
    while FileLimit(enough).peer_capacity < connections:
        enough += 1
    return (
        f"--max-connections lets {connections} in, all listeners together, but the limit of "
        f"{limit.limit} open files only about {limit.peer_capacity}; "
        f"{larger_limit_advice(enough)} allows them"
    )


class PeerFileLimit:
    """The open files that the peers of one listener may have."""

    __slots__ = ("_bound", "_limit", "_oversees")

    def __init__(self, *, oversees: bool) -> None:
        self._oversees = oversees
        self.read_limit()

    def read_limit(self) -> None:
        """Read the present limit."""
        self._limit = FileLimit.of_process()
        self._bound = self._limit.first_reserved_descriptor(oversees=self._oversees)

    def is_reserved(self, number: int) -> bool:
        """Return true if a descriptor of this number is one of the kept files."""
        if number < self._bound:
            return False
        # The limit may have been raised since it was read.
        self.read_limit()
        return number >= self._bound

    @property
    def refusal_sentence(self) -> str:
        """Return the reason of a refusal for the log, with its remedy."""
        return (
            f"the limit of open files is near ({self._limit.limit}, "
            f"the last {self._limit.reserved_files} are kept; "
            f"{larger_limit_advice(2 * self._limit.limit)} allows more)"
        )
