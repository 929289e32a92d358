"""A check of all checksums of a word index; a search checks only the parts that it reads."""

from __future__ import annotations

from logsrv.linelog.store.words.layout import BLOCK_ROWS, TABLES
from logsrv.linelog.store.words.lookup import WordIndex


def check_words(words: WordIndex) -> None:
    """Read and check a whole word index. Raises OSError; ValueError, with a sentence, if it is damaged."""
    for section in words.each_section():
        section.open_frames()
        section.frames_with_escape(0)
        section.dictionary()
        for name in TABLES:
            # This checks the list of a table without rows as well.
            section.block_ends(name)
            rows = getattr(section.header, name).rows
            for _ in section.rows(name, range(0, rows, BLOCK_ROWS)):
                pass
