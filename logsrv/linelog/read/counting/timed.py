"""Lines of a text, counted by the first bytes of their time and by their level."""

from __future__ import annotations

from collections import Counter

from logsrv.linelog.fields.record import level_of

# Bytes. For less text, loading NumPy takes longer than counting without it.
SMALL = 256 << 10


def count_by_time(text: bytes, size: int, *, levels: bool) -> Counter[tuple[bytes, str | None]]:
    """Return the numbers of lines by their first `size` bytes and, if wanted, their levels (else None).

    text: whole lines, each with its LF.
    """
    if len(text) >= SMALL:
        from logsrv.linelog.read.counting.arrays import count_by_time_with_numpy

        return count_by_time_with_numpy(text, size, levels=levels)
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    return Counter((line[:size], level_of(line) if levels else None) for line in lines)
