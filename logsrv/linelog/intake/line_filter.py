"""The one place where a listener's lines are dropped and masked, between framing and the store.

`Intake.take` asks it about every block of whole lines, whatever the input, before the lines get their
stamps. Lines are dropped first, by their text as it was sent; what is left is masked.
"""

from __future__ import annotations

import re

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.intake.drops import Drops
from logsrv.linelog.intake.filter_options import (
    FilterCounts,
    FilterOptions,
    node_of_drop,
    pattern_of_mask,
)
from logsrv.linelog.intake.masks import Masks
from logsrv.linelog.intake.replacing import MASKED

# A quote that was cut: at its end may stand half of what a mask would find.
_CUT_QUOTE = re.compile(r'"[^"]*…"|\S*…')


class LineFilter:
    """The masks and drops of a listener. options: checked, and with a mask or a drop."""

    def __init__(self, options: FilterOptions, counts: FilterCounts) -> None:
        patterns = [pattern_of_mask(text) for text in options.mask]
        self._masks = Masks(patterns, counts)
        # Masked parts of sentences are not counted.
        self._masks_of_sentences = Masks(patterns, FilterCounts()) if patterns else None
        queries = [node_of_drop(text) for text in options.drop]
        self._drops = Drops(queries, counts) if queries else None

    def apply(self, batch: Batch, most: int) -> Block | None:
        """Return what is stored of a batch, without stamps; None for nothing.

        most: bytes that lines with their stamps may take in memory.
        """
        block = batch.block
        if self._drops is not None:
            kept = self._drops.apply(batch, most)
            if kept is None:
                return None
            block = kept
        return self._masks.apply(block)

    def mask_sentence(self, sentence: str) -> str:
        """Return a sentence for the log with its parts masked: it may quote what a peer has sent."""
        if self._masks_of_sentences is None:
            return sentence
        line = _CUT_QUOTE.sub(MASKED.decode(), sentence).replace("\n", " ") + "\n"
        found = self._masks_of_sentences.apply(Block.of(line.encode("utf-8", "backslashreplace")))
        return bytes(found).decode().removesuffix("\n")
