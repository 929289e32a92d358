"""The declaration of a part. It imports nothing: processes of the parts import it with their packages."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A plugin that declares a part of the line logger.

    options: `package.module:Class`, an attrs class of options, whose `__attrs_post_init__` may raise
    ValueError. work: `package.module:Class`, a `PartWork`, which gets these options and no others.
    erasing: `package.module:Class`, a `ValuesElsewhere`, if `logsrv erase` has to erase more than lines for
    this part; "" for nothing.
    rank: the order of the options in the help, and of the part among those that are told of a change.
    """

    name: str
    purpose: str
    options: str
    work: str
    rank: int = 100
    erasing: str = ""

    @property
    def module(self) -> str:
        """The name of the module with the work."""
        return self.work.partition(":")[0]
