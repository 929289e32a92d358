"""Widths of drawings and tables on a web page: they are made to fit, as the style sheet can. Sans-IO."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.gopher.wire.columns import Run, columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.wire.columns import Shape

# The style sheet has a class for each of these widths.
WIDTHS: tuple[int, ...] = (*range(40, 161, 8), 200, 240)


@attrs.frozen
class Block:
    """A run on its page. `width`: the columns it is made to fit, one of WIDTHS."""

    text: str
    shape: Shape
    width: int


def room_for(text: str) -> int:
    """The least of WIDTHS that takes every line of `text`, or the largest."""
    widest = max(map(columns, text.split("\n")))
    return next((width for width in WIDTHS if widest <= width), WIDTHS[-1])


def sized(runs: Sequence[Run]) -> tuple[Block, ...]:
    """The blocks of one page. All drawings have one scale: they may be parts of one picture."""
    room = [room_for(run.text) if run.shape != "prose" else WIDTHS[0] for run in runs]
    widest = max(
        (width for width, run in zip(room, runs, strict=True) if run.shape == "drawing"), default=0
    )
    return tuple(
        Block(run.text, run.shape, widest if run.shape == "drawing" else width)
        for width, run in zip(room, runs, strict=True)
    )
