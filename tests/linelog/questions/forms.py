"""One list of lines as a store in each of its forms: what is found in all of them is the same."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

import attrs

from logsrv.linelog.columns import choice, groups
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.linelog.questions.lines import Line
from tests.parts.archived_stores import archive_all
from tests.parts.made_columns import make_columns
from tests.parts.stores import make_store, small_frames


@attrs.frozen
class Store:
    """A store. numbers: of the lines, by position. is_damaged: whether it may say so; no line is lost."""

    form: str
    directory: Path
    numbers: dict[str, int]
    is_damaged: bool = False


@contextmanager
def small_parts(random: Random) -> Iterator[None]:
    """Let frames and row groups have few lines."""
    frame, lines = random.choice([200, 700, 3000]), random.choice([1, 7, 30])
    with small_frames(frame), patch.object(groups, "GROUP_LINES", lines):
        yield


def make_form(form: str, directory: Path, lines: Sequence[Line], random: Random) -> Store:
    """Make a store of these lines; `random` cuts them into segments."""
    count = 0 if form == "active" else random.randrange(1, 6)
    cuts = sorted({random.randrange(1, len(lines)) for _ in range(count)})
    parts = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    numbers: dict[str, int] = {}
    for segment, part in enumerate(parts, 1):
        offset = 0
        for line in part:
            numbers[f"{segment}:{offset}"] = len(numbers)
            offset += len(line.stored)
    directory.mkdir()
    store = directory / "store"
    with small_parts(random):
        packed = {"plain": 0, "mixed": random.randrange(len(parts))}.get(form, -1)
        make_store(store, [[line.stored for line in part] for part in parts], packed=packed)
        FORMS[form](store, random)
    return Store(form, store, numbers, form in ("damaged", "some columns"))


def _nothing(store: Path, random: Random) -> None:
    pass


def _archive(store: Path, random: Random) -> None:
    """Leave the text of some segments, or of all, in the archive only."""
    archive_all(store, store.parent / "archive")
    for text in store.glob("*.log.zst"):
        if random.randrange(4):
            text.unlink()
    for index in store.glob("*.idx"):
        if not index.with_suffix("").exists() and not random.randrange(4):
            _flip_a_bit(index, random)


def _damage(store: Path, random: Random) -> None:
    """Damage or remove what lies beside the texts."""
    for path in sorted([*store.glob("*.idx"), *store.glob("*.words")]):
        _harm(path, random.randrange(5), random)


def _make_columns(store: Path, random: Random) -> None:
    disk = Disk().open_directory(store)
    for segment in sealed_segments(disk):
        if segment.form is Form.PACKED:
            # Others are in the map, or left out.
            columns, others = random.choice([(9, 3), (14, 0), (200, 1000), (200, 1000)])
            with patch.multiple(choice, MOST_COLUMNS=columns, MOST_IN_MAP=others):
                make_columns(segment, disk)
    disk.close()


def _make_some_columns(store: Path, random: Random) -> None:
    """Let some segments have columns; some of them are damaged, or those of another segment."""
    _make_columns(store, random)
    made = sorted(store.glob("*.parquet"))
    for path in made:
        how = random.randrange(7)
        _harm(path, how, random)
        if how == 4 and (other := random.choice(made)).exists():
            path.write_bytes(other.read_bytes())


def _harm(path: Path, how: int, random: Random) -> None:
    """Remove a file, cut it, or flip a bit of it. how: from 0 to 3; by any other number it stays."""
    if how == 0:
        path.unlink()
    elif how == 1:
        path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])
    elif how < 4:
        _flip_a_bit(path, random)


def _flip_a_bit(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


FORMS: dict[str, Callable[[Path, Random], None]] = {
    "active": _nothing, "plain": _nothing, "sealed": _nothing, "archived": _archive,
    "damaged": _damage, "mixed": _nothing, "columns": _make_columns, "some columns": _make_some_columns,
}  # fmt: skip
