"""The lines that readers of a store found before a cut, with their positions."""

import contextlib
import functools
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Form, Position
from tests.parts.powercut.history import File, History
from tests.parts.powercut.image import Image
from tests.parts.powercut.recording import Kind

ID = re.compile(rb"<id (\d+)>")
PACKED = re.compile(r"(\d{10})-[^/]*\.log\.zst")


class ShownSegment(NamedTuple):
    """A segment that readers saw: from operation `number` on it was the file `node`."""

    number: int
    segment: int
    node: int


@attrs.frozen
class Seen:
    """The lines that were read, acknowledged and removed before a cut.

    texts: text of each segment, up to the last whole line. promised: ids of the lines that must be there.
    removed: last segment that retention has removed.
    """

    texts: dict[int, bytes]
    promised: frozenset[int]
    removed: int

    @functools.cached_property
    def lines(self) -> dict[bytes, Position]:
        """Return the position of each line; a line has its LF."""
        return {
            line: Position(segment, offset)
            for segment, text in self.texts.items()
            for offset, line in offsets(text)
        }

    @property
    def end(self) -> Position:
        """Return the position after the last line that could be read."""
        last = max(self.texts, default=0)
        return Position(last, len(self.texts.get(last, b"")))


def offsets(text: bytes) -> list[tuple[int, bytes]]:
    """Return the lines with their LFs, each with its offset."""
    return [(match.start(), match[0]) for match in re.finditer(rb"[^\n]*\n", text)]


class Looks:
    """The text that readers found at each moment of a history, in the store at `store`.

    Readers know which file has which segment number; a cut must not change that.
    """

    def __init__(self, history: History, store: str) -> None:
        self._history, self._store = history, store
        self._shown: list[ShownSegment] = []
        self._removed: list[tuple[int, int]] = []
        self._always = "policy always" in history.marks
        last: dict[int, int] = {}
        names = [change.number for change in history.names]
        for number in sorted([*names, *self._numbered()]):
            for segment, node in self._segments(number + 1):
                if last.get(segment) != node:
                    last[segment] = node
                    self._shown.append(ShownSegment(number, segment, node))
        for change in history.names:
            path, node_then = change.entries[0]
            packed = PACKED.fullmatch(Path(path).name)
            if packed and node_then is None:
                self._removed.append((change.number, int(packed[1])))

    def _numbered(self) -> list[int]:
        """Return the operations that write the store's file `number`."""
        kinds, path = (Kind.WRITE, Kind.TRUNCATE), f"{self._store}/number"
        every = enumerate(self._history.operations)
        return [number for number, one in every if one.kind in kinds and one.path == path]

    def _segments(self, until: int) -> list[tuple[int, int]]:
        """Return the number and the node of each segment that is not packed."""
        history = self._history
        entries = history.entries(one for one in history.names if one.number < until)
        small = (f"{self._store}/number", f"{self._store}/store")
        texts = {
            node: history.files[node].text(until) if path in small else b""
            for path, node in entries.items()
            if node in history.files
        }
        if f"{self._store}/current.log" not in entries:
            return []
        root = Path(tempfile.mkdtemp(dir=scratch()))
        try:
            Image(entries, texts).write(root)
            with contextlib.suppress(StoreError), View(str(root / self._store), _ignore) as view:
                return [
                    (one.number, entries[f"{self._store}/{one.name}"])
                    for one in view.segments
                    if one.form is not Form.PACKED
                ]
            return []
        finally:
            shutil.rmtree(root)

    def before(self, cut: int) -> Seen:
        """Return what had been read, promised and removed at a cut."""
        history, texts = self._history, {}
        for number, segment, node in self._shown:
            if number < cut:
                file = history.files[node]
                text = max(self._versions(file, cut), key=len)
                texts[segment] = text[: text.rfind(b"\n") + 1]
        before = [one for number, one in self._removed if number < cut]
        return Seen(texts, self._promised(cut), max(before, default=0))

    def _versions(self, file: File, cut: int) -> list[bytes]:
        """Return the text before each truncation, and at the cut."""
        cuts = [one.number for one in file.changes if one.data is None and one.number < cut]
        return [file.text(number) for number in [*cuts, cut]]

    def _promised(self, cut: int) -> frozenset[int]:
        history = self._history
        until = cut
        if not self._always:
            # Sync.INTERVAL promises the lines that were stored at its last sync.
            synced = [at for mark, at in history.marks.items() if mark.startswith("synced ")]
            until = max((at for at in synced if at < cut), default=0)
        return frozenset(line for number, line in history.acknowledged if number < until)


def _ignore(sentence: str) -> None:
    """Ignore reports of damage: the files are empty here."""


def scratch() -> str | None:
    """Return a directory in memory for small files; None for the usual place."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
