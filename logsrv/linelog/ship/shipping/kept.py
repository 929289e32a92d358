"""The kept place of a shipper: `ship/NAME` in the directory of the store, with a lock on the name."""

from __future__ import annotations

from collections.abc import Callable

from logsrv.errors import ConfigurationError
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.cursors import place
from logsrv.linelog.cursors.folder import PlaceFolder
from logsrv.linelog.cursors.place import Place
from logsrv.linelog.ship.address import NAME
from logsrv.linelog.store.segments.segment import Position

FOLDER = "ship"


class ShipPlace:
    """The place up to which a target has acknowledged a store, in the file `ship/NAME`.

    target: what the file calls the target; no secrets. clock: the time of day. Each method raises OSError.
    Raises ConfigurationError for a name that is none: names with a dot are of the files beside it.
    """

    def __init__(
        self, directory: str, name: str, *, target: str, clock: Callable[[], float]
    ) -> None:
        if not NAME.fullmatch(name):
            raise ConfigurationError(
                "the name of a target has 1 to 64 letters, digits, - and _, such as centre-2"
            )
        self.name = name
        self.folder = PlaceFolder(directory, FOLDER)
        self._target = target
        self._clock = clock

    @property
    def path(self) -> str:
        """The path of the file, for people to read."""
        return self.folder.path(self.name)

    def lock(self) -> bool:
        """Return whether no other process ships under this name; then no other will."""
        return self.folder.lock(self.name)

    def load(self, store: str, end: Position) -> Position | None:
        """Return the place that is kept; None if there is none.

        store: the identity of the store. end: where it ends. Raises ValueError, with a sentence, for one
        that is damaged, or of another store or target.
        """
        kept = place.load(self.folder.disk, self.name)
        if kept is None:
            return None
        why = place.foreign(kept, store, end)
        if why is None and kept.note.get("target") != self._target:
            why = "it is of another target"
        if why is not None:
            raise ValueError(f"{self.path} is of no use: {why}")
        return kept.position

    def save(self, store: str, position: Position) -> None:
        """Keep a place, on the medium on return."""
        kept = Place(position, store, rfc3339(self._clock()), {"target": self._target})
        place.save(self.folder.disk, self.name, kept)

    def close(self) -> None:
        """Let go of the lock."""
        self.folder.close()
