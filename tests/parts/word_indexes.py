"""Word indexes of a few frames, for the tests."""

from logsrv.linelog.store.words.layout import WordIndexTrailer, pack_trailer
from logsrv.linelog.store.words.section import SectionBuilder


def stored_index(*frames: bytes, section: int = 512) -> bytes:
    """Return the file of a word index of these frames, `section` in each section."""
    parts = []
    for first in range(0, len(frames), section):
        made = SectionBuilder()
        for text in frames[first : first + section]:
            made.add_frame(text, len(text), 1 << 20)
        parts.append(made.pack_section(0.13))
    size = sum(map(len, frames))
    return b"".join([*parts, pack_trailer(WordIndexTrailer(1, size, 99, len(frames), len(parts)))])
