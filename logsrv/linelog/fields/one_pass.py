"""Read fields from many lines by one regular expression, which captures only the wanted fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


class OnePassReader:
    """A reader of fields in lines of one kind.

    parts: the parts of the expression for a line with its LF, each with the name of its group, or "". The
    last part has a group for lines of other kinds. wanted: for each column its index, the name of its
    groups, and a function that gets the text of each of these groups. checked: names of groups; a line
    whose first such group has an odd value is of another kind. is_odd: tells whether a value is.
    """

    def __init__(
        self,
        parts: Sequence[tuple[str, bytes]],
        wanted: Sequence[tuple[int, str, Callable[..., str | None]]],
        checked: Sequence[str] = (),
        is_odd: Callable[[bytes], bool] | None = None,
    ) -> None:
        groups = {group for _, group, _ in wanted} | set(checked)
        captured = [name for name, _ in parts if name in groups]
        pattern = b"".join(
            b"(?:" + part[1:] if name and name not in groups else part for name, part in parts
        )
        self._find = re.compile(pattern, re.MULTILINE).findall
        self._columns = [
            (index, [at for at, name in enumerate(captured) if name == group], convert)
            for index, group, convert in wanted
        ]
        self._checked = [captured.index(name) for name in checked]
        self._is_odd = is_odd

    def read(
        self, text: bytes
    ) -> tuple[list[tuple[int, list[str | None]]], list[tuple[int, bytes]]]:
        """Return columns, each with its index, and the other lines, each with its number.

        text: the lines, each with its LF.
        """
        rows = self._find(text)
        columns = [
            (index, list(map(convert, *([row[at] for row in rows] for at in groups))))
            for index, groups, convert in self._columns
        ]
        others = [(number, row[-1]) for number, row in enumerate(rows) if row[-1]]
        for at in self._checked:
            odd = set(filter(self._is_odd, {row[at] for row in rows}))
            if odd:
                others += [(number, row[-1]) for number, row in enumerate(rows) if row[at] in odd]
        return columns, others
