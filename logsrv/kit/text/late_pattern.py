"""A regular expression that is compiled at its first use, so that programs that never use it start sooner.

A command such as `logsrv search` loads some eighty expressions for forms of lines, and mostly uses ten.
Compiling all of them takes a fifth of its start.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, AnyStr, Generic

if TYPE_CHECKING:
    from collections.abc import Callable


class LatePattern(Generic[AnyStr]):
    """A regular expression with the search methods of re.Pattern; after the first call, they are as fast as
    those of re.Pattern.

    pattern, flags: as for re.compile.
    """

    def __init__(self, pattern: AnyStr, flags: int = 0) -> None:
        self.pattern: AnyStr = pattern
        self.flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[AnyStr]:
        """The compiled expression."""
        return re.compile(self.pattern, self.flags)

    @cached_property
    def match(self) -> Callable[..., re.Match[AnyStr] | None]:
        return self.compiled.match

    @cached_property
    def fullmatch(self) -> Callable[..., re.Match[AnyStr] | None]:
        return self.compiled.fullmatch

    @cached_property
    def search(self) -> Callable[..., re.Match[AnyStr] | None]:
        return self.compiled.search

    @cached_property
    def findall(self) -> Callable[..., list[Any]]:
        return self.compiled.findall
