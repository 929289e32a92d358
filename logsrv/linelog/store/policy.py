"""How a store is run: what an operator may choose."""

from __future__ import annotations

import enum
from typing import Any

import attrs

MiB = 1024 * 1024
DAY = 86400.0


class Sync(enum.Enum):
    """When written lines are forced to the medium."""

    NEVER = "never"
    INTERVAL = "interval"
    ALWAYS = "always"


def _positive(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name} is {value}; it has to be more than 0")


@attrs.frozen(kw_only=True)
class StorePolicy:
    """Sizes in bytes, times in seconds, `keep_days` in days; None keeps without limit.

    rotate_size, rotate_every: the active segment is sealed at this size, or this long after its
        first line.
    high_water, low_water: senders are paused when more than the first is waiting to be written, and
        resumed when less than the second is.

    Raises ValueError for a value that makes no sense.
    """

    sync: Sync = Sync.INTERVAL
    rotate_size: int = attrs.field(default=256 * MiB, validator=_positive)
    rotate_every: float = attrs.field(default=DAY, validator=_positive)
    keep_bytes: int | None = attrs.field(default=None, validator=_positive)
    keep_days: float | None = attrs.field(default=None, validator=_positive)
    high_water: int = attrs.field(default=8 * MiB, validator=_positive)
    low_water: int = attrs.field(default=2 * MiB, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if self.low_water > self.high_water:
            raise ValueError(
                f"low_water ({self.low_water}) is more than high_water ({self.high_water})"
            )
