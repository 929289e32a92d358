"""A store that changes at any moment between two looks of a reader at its directory."""

from collections.abc import Callable
from typing import Any

import pytest

from logsrv.linelog.store.disk import Disk

_LOOKS = ("entries", "has_name", "leads_to", "open", "read", "read_or_none", "stat")


def change_before_look(
    patch: pytest.MonkeyPatch, number: int, change: Callable[[], object]
) -> Callable[[], bool]:
    """Make a change before look `number` at a disk; return a function that tells whether it has come."""
    left = number

    def come_before(look: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                change()
            return look(*arguments)

        return changed

    for name in _LOOKS:
        patch.setattr(Disk, name, come_before(getattr(Disk, name)))
    return lambda: left < 0
