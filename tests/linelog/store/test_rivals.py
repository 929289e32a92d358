"""Two files with the number of one segment: nothing is lost that is not in the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
import zstandard
from twisted.logger import capturedLogs

from logsrv.linelog.store.recover import tidy
from logsrv.linelog.store.rivals import holder
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.store import Store
from tests.linelog.store.faults import at, batch, stored, text_of, until

OpenStore = Callable[..., Store]
NAME = "0000000001-20261120T061842Z.log"
OTHER = "0000000001-20200101T000000Z.log"
LINES = [b"line %d" % number for number in range(3000)]


def sealed(directory: Path, name: str = NAME, *lines: bytes) -> Segment:
    (directory / name).write_bytes(stored(*(lines or LINES)))
    seal(Segment(1, name, Form.PLAIN), at(directory))
    return Segment(1, f"{name}.zst", Form.PACKED)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("0*")}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (stored(*LINES), Form.PACKED),
        (stored(*LINES[:3]), Form.PACKED),
        (b"", Form.PACKED),
        (stored(*LINES, b"more"), Form.PLAIN),
        (stored(b"something", b"else"), None),
        (stored(*LINES).replace(b"line 2999", b"LINE 2999"), None),
    ],
)
def test_the_form_that_holds_all_of_the_other_is_known(
    tmp_path: Path, text: bytes, kept: Form | None
) -> None:
    packed = sealed(tmp_path)
    (tmp_path / NAME).write_bytes(text)
    assert holder(Segment(1, NAME, Form.PLAIN), packed, at(tmp_path)) is kept


def test_a_packed_file_that_is_cut_holds_no_more_than_can_be_read(tmp_path: Path) -> None:
    packed = sealed(tmp_path)
    first = zstandard.ZstdCompressor().compress(stored(*LINES))
    (tmp_path / packed.name).write_bytes(first + first[:-9])
    for text, kept in [(stored(*LINES), Form.PLAIN), (stored(b"else"), None)]:
        (tmp_path / NAME).write_bytes(text)
        assert holder(Segment(1, NAME, Form.PLAIN), packed, at(tmp_path)) is kept


@pytest.mark.parametrize("packed_too", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_stranger_with_the_number_of_a_segment_is_left_alone_and_said(
    open_store: OpenStore, tmp_path: Path, packed_too: bool
) -> None:
    sealed(tmp_path)
    if packed_too:
        sealed(tmp_path, OTHER.replace("2020", "2030"), b"stranger")
    else:
        (tmp_path / OTHER).write_bytes(stored(b"stranger"))
    before = files(tmp_path)
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
        store.append(batch(b"next"))
        store.rotate()
        await until(lambda: list(tmp_path.glob("0000000002-*.idx")))
        await store.close()
    assert len([e for e in events if "has the number of" in e["log_format"]]) == 1
    assert before.items() <= files(tmp_path).items()
    assert text_of(tmp_path) == stored(*LINES, b"next")


@pytest.mark.parametrize("found", [LINES[:3], [b"something else"]])
@pytest_twisted.ensureDeferred
async def test_a_plain_file_put_beside_its_packed_form_never_replaces_it(
    open_store: OpenStore, tmp_path: Path, found: list[bytes]
) -> None:
    """Neither in a running server nor in one that is started then."""
    sealed(tmp_path)
    before = files(tmp_path)
    store = open_store(directory=tmp_path)
    with capturedLogs() as events:
        (tmp_path / NAME).write_bytes(stored(*found))
        store.reopen()
        await until(lambda: any("path" in event for event in events))
    store.append(batch(b"next"))
    store.rotate()
    await until(lambda: list(tmp_path.glob("0000000002-*.idx")))
    assert before.items() <= files(tmp_path).items()
    await store.close()
    (tmp_path / NAME).write_bytes(stored(*found))
    await open_store(directory=tmp_path).close()
    assert before.items() <= files(tmp_path).items()
    assert (tmp_path / NAME).exists() == (found != LINES[:3])
    assert text_of(tmp_path) == stored(*LINES, b"next")


def test_a_stranger_is_not_touched_though_it_is_torn(tmp_path: Path) -> None:
    sealed(tmp_path)
    (tmp_path / OTHER).write_bytes(b"torn\0\0")
    tidy(at(tmp_path))
    assert (tmp_path / OTHER).read_bytes() == b"torn\0\0"
