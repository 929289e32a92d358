"""The texts that are not compressed: waiting segments and current.log, which have no checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.linelog.store.care.doctor.findings import StoreFinding, damaged, lost, note
from logsrv.linelog.store.disk.disk import reason
from logsrv.linelog.store.segments.times import SHAPE, SIZE, shape_of
from logsrv.linelog.store.segments.torn import end_of_text, holes, start_of_line

_PIECE = 1 << 20


class PlainText:
    """The text of a segment that is not compressed: findings, its bytes and its lines.

    fd: the file, which stays the caller's. quick: only its end is read.
    """

    def __init__(self, name: str, fd: int, *, quick: bool) -> None:
        self.findings: list[StoreFinding] = []
        self.text = 0
        self.lines: int | None = None if quick else 0
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
                f"it ends in {self.text - nuls} NUL bytes, in the place of text that the disk never got",
                "The lines there are lost: a power cut. All others can be read.",
                "Start the server: it cuts them off.",
            )
        # A server writes whole lines, in several steps if need be.
        if end < nuls and self.text == os.fstat(fd).st_size:
            yield note(
                "torn-end",
                name,
                f"its last line has {nuls - end} bytes and no end",
                "Its server was killed, or its disk is full: it goes on there, or the next start ends it.",
            )
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
                f"{odd} of its lines do not begin with a TIME",
                "The file was changed or damaged. All its lines are found, but these not by their time.",
                "If a backup has the file, compare them.",
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
