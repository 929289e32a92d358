"""The texts that are not compressed: waiting segments and current.log, which have no checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.doctor.findings import StoreFinding, damaged, lost, note
from logsrv.linelog.store.disk.disk import reason
from logsrv.linelog.store.segments.times import SHAPE, SIZE, shape_of
from logsrv.linelog.store.segments.torn import end_of_text, holes, start_of_line

_PIECE = 1 << 20
_PUT_BACK = "Bring the file back from a backup while no server has the store, if it is whole there."


class PlainText:
    """The text of a segment that is not compressed: findings, its bytes and its lines.

    fd: the file, which stays the caller's. quick: only its end is read. waits: it is complete, and waits to
    be compressed.
    """

    def __init__(self, name: str, fd: int, *, quick: bool, waits: bool = False) -> None:
        self.findings: list[StoreFinding] = []
        self.text = 0
        self.lines: int | None = None if quick else 0
        self._waits = waits
        try:
            self.findings += self._look(name, fd, quick)
        except OSError as error:
            self.findings.append(unreadable(name, error))

    def _look(self, name: str, fd: int, quick: bool) -> Iterator[StoreFinding]:
        self.text = os.fstat(fd).st_size
        nuls = end_of_text(fd, self.text)
        end = start_of_line(fd, nuls)
        if nuls < self.text:
            yield lost(
                "hole",
                name,
                f"it ends in {counted(self.text - nuls, 'NUL byte')}, where text should be that the disk"
                " never got",
                "The lines there are lost: a power cut. All others can be read.",
                "Start the server: it cuts them off.",
            )
        # A server writes whole lines, in several steps if need be.
        if end < nuls and self.text == os.fstat(fd).st_size:
            yield self._torn(name, nuls - end)
        if quick:
            return
        for start, stop in holes(fd, 0, nuls):
            yield lost(
                "hole",
                name,
                f"NUL bytes stand at {start} to {stop}, where text that never reached the disk should be",
                "The lines there are lost: a power cut. All others can be read.",
                "Start the server: it puts a line there that says so.",
            )
        odd = self._count(fd, end)
        if odd:
            yield damaged(
                "odd-lines",
                name,
                f"{counted(odd, 'line')} of it without a TIME at the beginning",
                "The file was changed or damaged. All its lines are found, but these not by their time.",
                "If a backup has the file, compare them.",
            )

    def _torn(self, name: str, size: int) -> StoreFinding:
        what = f"its last line has {counted(size, 'byte')} and no end"
        if self._waits:
            return lost(
                "torn-end",
                name,
                f"{what}, and lines went on in the next segment",
                "It was complete. What followed is lost: somebody cut the file, or the power failed.",
                _PUT_BACK,
            )
        return note(
            "torn-end",
            name,
            what,
            "Its server was killed, or its disk is full: it goes on there, or the next start ends it.",
        )

    def _count(self, fd: int, end: int) -> int:
        """Count the lines; return how many do not begin with a TIME."""
        at = odd = count = 0
        rest = b""
        while at < end and (piece := os.pread(fd, min(_PIECE, end - at), at)):
            at += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            count += len(lines)
            heads = b"".join([line[:SIZE].ljust(SIZE) for line in lines])
            if shape_of(heads) != SHAPE * len(lines):
                odd += sum(shape_of(line[:SIZE]) != SHAPE for line in lines)
        self.lines = count
        return odd


def cut(name: str, text: int, complete: int) -> StoreFinding:
    """Return the finding that a segment has less text than when it was complete."""
    return lost(
        "text-cut",
        name,
        f"it has {counted(text, 'byte')} of text, and had {complete:,} when it was complete",
        "The lines that are missing are lost: somebody cut the file before it was compressed, or the disk"
        " did not keep it.",
        _PUT_BACK,
    )


def unreadable(name: str, error: OSError) -> StoreFinding:
    """Return the finding that a file with lines cannot be read."""
    return lost(
        "unreadable",
        name,
        f"it cannot be read: {reason(error)}",
        "Its lines cannot be read as long as that is so.",
        "Look at the rights of the file, and at what the kernel says of the disk; bring the file back"
        " from a backup.",
    )
