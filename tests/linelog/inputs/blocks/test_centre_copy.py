"""Making an empty directory a centre: interrupted anywhere, beside rotation, sealing and liars."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import zstandard

from logsrv.errors import StoreError
from logsrv.linelog.inputs.blocks.centre_copy import CentreCopy, verified_frames
from logsrv.linelog.inputs.blocks.client import (
    CentreError,
    GoneError,
    UnreadableError,
)
from logsrv.linelog.inputs.blocks.state import CentreState, PackedFile
from logsrv.linelog.read.view import View
from logsrv.linelog.store.archive.restoring import RestoredSegment
from logsrv.linelog.store.origins.notes import parse_notes_file
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments import heads, identity
from logsrv.linelog.store.segments.compressing import compressor
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.indexing import PackedFrame
from logsrv.linelog.store.segments.segment import (
    RESTORING,
    Form,
    Position,
    Segment,
    segments,
)
from tests.linelog.inputs.blocks import centres
from tests.linelog.inputs.blocks.centres import EDGE, NearCentre
from tests.parts.archived_stores import (
    STORE,
    archive_all,
    packed,
    remove_texts,
    sealed_store,
)
from tests.parts.disks import FaultyDisk, at, no_space, text_of
from tests.parts.stores import BEGIN, lines, make_store

LINES = 5000
FEW = 1000


def held(count: int) -> list[list[bytes]]:
    return [
        lines([f"segment {number} line {each}" for each in range(count)], 10_000 * number)
        for number in range(5)
    ]


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Three compressed segments, a plain one, and the active one; each of 5,000 lines, or of `param`."""
    made = make_store(tmp_path / "store", held(getattr(request, "param", LINES)), packed=3)
    disk = at(made)
    identity.save_identity(disk, identity.Identity(STORE, Position(1, 0)))
    disk.close()
    return made


@pytest.fixture
def centre(store: Path) -> Iterator[NearCentre]:
    made = NearCentre(store)
    yield made
    made.disk.close()


@pytest.fixture
def back(tmp_path: Path) -> Path:
    (tmp_path / "back").mkdir()
    return tmp_path / "back"


class Killed(BaseException):
    """The end of the process."""


class DyingDisk(Disk):
    """A disk whose process is killed, or which is full, at a step that changes something."""

    left = -1
    error: BaseException = Killed()

    def _step(self) -> None:
        self.left -= 1
        if not self.left:
            raise self.error

    def writev(self, fd: int, buffers: object) -> int:
        self._step()
        return super().writev(fd, buffers)  # type: ignore[arg-type]

    def fdatasync(self, fd: int) -> None:
        self._step()
        super().fdatasync(fd)

    def rename(self, old: str, new: str) -> None:
        self._step()
        super().rename(old, new)

    def unlink(self, name: str) -> None:
        if self.left > 0:
            self._step()
        super().unlink(name)

    def sync_directory(self) -> None:
        self._step()
        super().sync_directory()


def copied(centre: NearCentre, disk: Disk) -> list[RestoredSegment]:
    return list(CentreCopy(centre, centre.fetch_state(), disk, os.urandom).segments())


def require_same(back: Path, store: Path, count: int = LINES) -> None:
    """All text is there, byte by byte, and the place of the origin."""
    assert text_of(back) == text_of(store)
    for one in packed(back):
        assert (back / one.name).read_bytes() == (store / one.name).read_bytes()
        assert (back / one.words).read_bytes() == (store / one.words).read_bytes()
        assert (back / one.index).read_bytes() == (store / one.index).read_bytes()
        # Retention goes by the last line.
        assert (back / one.name).stat().st_mtime == BEGIN + 10_000 * (one.number - 1) + count - 1
    [note] = parse_notes_file((back / "origins").read_bytes()).notes
    assert (note.origin, note.end.segment) == (EDGE, 7)
    disk = at(back)
    made = identity.load(disk)
    assert made is not None and made.store != STORE
    assert made.began == (segments(disk)[-1].number, 0)
    disk.close()
    assert not (back / "restoring").exists() and not list(back.glob("*.tmp"))


@pytest.mark.slow
def test_a_copy_has_all_segments_and_texts_and_its_own_identity(centre, store, back):
    made = copied(centre, at(back))
    assert [(one.lines, one.error, one.here) for one in made] == [(LINES, "", False)] * 5
    assert sum(one.text for one in made) == len(text_of(store))
    require_same(back, store)
    # Nothing is written behind what came: its next line is in a segment of its own.
    assert [one.number for one in segments(at(back))] == [1, 2, 3, 4, 5, 6]
    assert (back / "current.log").read_bytes() == b""


@pytest.mark.parametrize("store", [FEW], ids=["few"], indirect=True)
def test_a_segment_is_on_the_medium_when_it_is_said_to_be_here(centre, back):
    disk = FaultyDisk().open_directory(back)
    for one in CentreCopy(centre, centre.fetch_state(), disk, os.urandom).segments():
        assert disk.calls[-1] == "sync_directory", one.name
    disk.close()


def steps_of(centre: NearCentre, directory: Path) -> int:
    directory.mkdir()
    disk = DyingDisk().open_directory(directory)
    copied(centre, disk)
    disk.close()
    return -disk.left


@pytest.mark.slow
@pytest.mark.parametrize("store", [FEW], ids=["few"], indirect=True)
@pytest.mark.parametrize("error", [Killed(), no_space()], ids=["killed", "full"])
def test_a_copy_interrupted_at_any_step_goes_on(centre, store, tmp_path, error, monkeypatch):
    """With fewer lines, which come in as many pieces as thousands."""
    monkeypatch.setattr(centres, "PIECE", centres.PIECE * FEW // LINES)
    number = steps_of(centre, tmp_path / "counted")
    assert number > 40
    for step in range(1, number):
        back = tmp_path / f"{step}"
        back.mkdir()
        disk = DyingDisk().open_directory(back)
        disk.left, disk.error = step, error
        with pytest.raises(type(error)):
            copied(centre, disk)
        if (back / "restoring").exists() or not (back / "current.log").exists():
            assert (back / "restoring").exists() or not list(back.glob("0*"))
            again = at(back)
            copied(centre, again)
            again.close()
        disk.close()
        require_same(back, store, FEW)


class LastStepDisk(Disk):
    """A disk whose process is killed before it says that all is there."""

    def unlink(self, name: str) -> None:
        if name == RESTORING:
            raise Killed
        super().unlink(name)


def test_a_copy_interrupted_at_its_last_step_goes_on(centre, store, back):
    with pytest.raises(Killed):
        copied(centre, LastStepDisk().open_directory(back))
    assert (back / "current.log").exists() and (back / "restoring").exists()
    copied(centre, at(back))
    require_same(back, store)


@pytest.mark.slow
def test_what_is_rotated_and_sealed_meanwhile_is_of_one_moment(centre, store, back):
    """The text ends where it did when the origins were told, whatever became of it since."""
    wanted = text_of(store)

    def seal_and_go_on(name: str) -> None:
        if name != "4":
            return
        centre.before = lambda name: None
        [plain] = [path.name for path in store.glob("0000000004-*.log")]
        seal(Segment(4, plain, Form.PLAIN), centre.disk)
        with (store / "current.log").open("ab") as active:
            active.write(b"".join(lines(["behind the moment"], 60_000)))
        (store / "current.log").rename(store / "0000000005-20261120T170640Z.log")
        (store / "current.log").write_bytes(b"".join(lines(["another segment"], 60_001)))
        seal(Segment(5, "0000000005-20261120T170640Z.log", Form.PLAIN), centre.disk)

    centre.before = seal_and_go_on
    copied(centre, at(back))
    assert text_of(back) == wanted
    assert centre.asked.count("state") == 2


def test_what_is_sealed_while_others_come_comes_compressed(centre, store, back):
    def seal_one(name: str) -> None:
        centre.before = lambda name: None
        [plain] = [path.name for path in store.glob("0000000004-*.log")]
        seal(Segment(4, plain, Form.PLAIN), centre.disk)

    centre.before = seal_one
    copied(centre, at(back))
    assert [one.number for one in packed(back)] == [1, 2, 3, 4]
    require_same(back, store)


def test_what_came_as_text_before_an_interruption_comes_compressed_now(centre, store, back):
    def breaks(name: str) -> None:
        if name == "5":
            raise CentreError("it is away")

    centre.before = breaks
    with pytest.raises(CentreError, match="away"):
        copied(centre, at(back))
    [plain] = store.glob("0000000004-*.log")
    assert (back / plain.name).exists()
    seal(Segment(4, plain.name, Form.PLAIN), centre.disk)
    centre.before = lambda name: None
    made = copied(centre, at(back))
    assert [one.here for one in made] == [True, True, True, False, False]
    assert not (back / plain.name).exists()
    require_same(back, store)


def test_retention_there_takes_only_what_it_takes(centre, store, back):
    def remove(name: str) -> None:
        if name.startswith("0000000002"):
            for path in store.glob("0000000002-*"):
                path.unlink()
        if name == "4":
            centre.before = lambda name: None
            next(store.glob("0000000004-*.log")).unlink()

    centre.before = remove
    made = copied(centre, at(back))
    assert [one.name[:10] for one in made if one.error] == ["0000000002"]
    assert text_of(back) == text_of(store)


def test_a_segment_that_is_damaged_there_is_left_out(centre, store, back):
    damaged = packed(store)[1]
    data = bytearray((store / damaged.name).read_bytes())
    data[len(data) // 2] ^= 1
    (store / damaged.name).write_bytes(data)
    made = copied(centre, at(back))
    assert [bool(one.error) for one in made] == [False, True, False, False, False]
    assert [one.number for one in segments(at(back))] == [1, 3, 4, 5, 6]
    assert not list(back.glob("*.tmp")) and not list(back.glob("0000000002*"))


def test_a_segment_that_cannot_be_read_there_is_left_out(centre, back):
    def fails(name: str) -> None:
        if name.startswith("0000000002"):
            raise UnreadableError("it answers: Input/output error")

    centre.before = fails
    made = copied(centre, at(back))
    assert [one.error for one in made if one.error] == ["it answers: Input/output error"]
    assert [one.number for one in packed(back)] == [1, 3]


def test_a_directory_that_is_not_empty_is_left_alone(centre, store, back):
    (back / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(StoreError, match="is not empty"):
        copied(centre, at(back))
    assert [path.name for path in back.iterdir()] == ["holiday.jpg"]
    with pytest.raises(StoreError, match="there is a store in"):
        copied(centre, at(store))


def test_another_centre_at_the_address_is_no_way_to_go_on(centre, store, back):
    (back / "restoring").write_text(f"{32 * 'f'}\n")
    with pytest.raises(StoreError, match=f"a part of another store than {STORE}"):
        copied(centre, at(back))


def test_more_than_there_is_room_for_is_not_begun(centre, back):
    name = "0000000001-20261120T061842Z.log.zst"
    huge = CentreState(STORE, Position(2, 0), (PackedFile(name, 1 << 60, 0),), (), (), ())
    with pytest.raises(StoreError, match="bytes free, but"):
        list(CentreCopy(centre, huge, at(back), os.urandom).segments())


@pytest.mark.slow
def test_a_centre_that_never_has_what_it_says_is_given_up(centre, back):
    def gone(name: str) -> None:
        for path in Path(centre.disk.directory).glob("0000000004-*.log"):
            os.rename(path, path.with_suffix(".hidden"))

    real = centre.fetch_state

    def state() -> CentreState:
        for path in Path(centre.disk.directory).glob("0000000004-*.hidden"):
            os.rename(path, path.with_suffix(".log"))
        return real()

    centre.before, centre.fetch_state = gone, state  # type: ignore[method-assign]
    with pytest.raises(CentreError, match="faster than they are copied"):
        copied(centre, at(back))


def test_a_centre_that_has_another_segment_each_time_is_given_up(centre, back):
    states = 0

    def state() -> CentreState:
        nonlocal states
        states += 1
        packed = tuple(
            PackedFile(f"{number:010d}-20261120T061842Z.log.zst", 100, 0)
            for number in range(1, states + 1)
        )
        return CentreState(STORE, Position(states + 1, 0), packed, (), (), ())

    def gone(name: str) -> None:
        raise GoneError("it is gone")

    centre.before, centre.fetch_state = gone, state  # type: ignore[method-assign]
    with pytest.raises(CentreError, match="adds or removes segments faster than they are copied"):
        list(CentreCopy(centre, state(), at(back), os.urandom).segments())
    assert states <= 101


def test_a_text_that_has_become_too_large_is_not_begun(centre, back):
    """What the first state says has room."""
    copy = CentreCopy(centre, centre.fetch_state(), at(back), os.urandom)
    first = copy.state
    texts = ((first.texts[0][0], 1 << 60), *first.texts[1:])
    centre.fetch_state = lambda: attrs.evolve(first, texts=texts)  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="bytes free, but"):
        list(copy.segments())
    assert str(texts[0][0]) not in centre.asked


def frames_in(data: bytes, path: Path) -> list[tuple[bytes, PackedFrame]]:
    path.write_bytes(data)
    with path.open("rb") as file:
        return list(verified_frames(file))


def test_frames_are_read_one_by_one(tmp_path):
    pack = compressor()
    texts = [b"one\n" * 1000, b"two\n", os.urandom(3 << 20)]
    frames = [pack.compress(text) for text in texts]
    found = frames_in(b"".join(frames), tmp_path / "data")
    assert found == [
        (text, PackedFrame(len(frame), zlib.crc32(frame)))
        for text, frame in zip(texts, frames, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no frame at all", "no whole frame"),
        (compressor().compress(b"x" * 1000)[:-2], "no whole frame"),
        (
            zstandard.ZstdCompressor(write_checksum=True).compress(bytes(300 << 20)),
            "no whole frame",
        ),
        (
            zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(b"x"),
            "its size and a checksum",
        ),
        (zstandard.ZstdCompressor().compress(b"x"), "its size and a checksum"),
        (compressor().compress(b"x" * 1000)[:-4] + bytes(4), "cannot be decompressed"),
        (compressor().compress(b"\n") * 101, "more frames than a segment may have"),
    ],
    ids=["rubbish", "short", "bomb", "no size", "no checksum", "wrong checksum", "many"],
)
def test_what_is_no_frame_is_refused(data, why, tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "MOST", 100)
    with pytest.raises(ValueError, match=why):
        frames_in(data, tmp_path / "data")


@pytest.mark.slow
def test_a_large_frame_takes_no_more_memory_than_its_text(tmp_path):
    """One that cannot be compressed was in memory four times: of 250 MiB a restore took 840 MB."""
    size = 64 << 20
    path = tmp_path / "data"
    path.write_bytes(compressor().compress(os.urandom(size)))
    code = (
        "import resource, sys\n"
        "from logsrv.linelog.inputs.blocks.centre_copy import verified_frames\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    [(text, _)] = verified_frames(file)\n"
        "print(len(text), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    length, taken = map(int, said.stdout.split())
    assert length == size
    assert taken << 10 < size * 1.5


@pytest.fixture
def kept_away(tmp_path: Path) -> Path:
    """A store of which the text of two segments is in an archive only."""
    made = sealed_store(tmp_path / "archived", 2, count=200)
    archive_all(made, tmp_path / "archive")
    remove_texts(made)
    return made


def test_what_is_in_an_archive_only_is_found_there(kept_away, back):
    wanted = {path.name: path.read_bytes() for path in kept_away.glob("000*")}
    assert len(wanted) > 3
    made = copied(NearCentre(kept_away), at(back))
    assert [(one.lines, one.error) for one in made] == [(200, ""), (200, ""), (1, "")]
    found = {path.name: path.read_bytes() for path in back.glob("000*.zst.*")}
    assert found == wanted
    with View(str(back), lambda why: None, away=True) as view:
        assert [one.form for one in view.segments[:2]] == [Form.AWAY] * 2
    assert not list(back.glob("*.tmp"))


@pytest.mark.parametrize("suffix", [".idx", ".archived"])
def test_an_index_that_is_not_what_was_archived_is_left_out(kept_away, back, suffix):
    [changed] = kept_away.glob(f"0000000001*{suffix}")
    changed.write_bytes(changed.read_bytes()[:-3] + b"xyz")
    made = copied(NearCentre(kept_away), at(back))
    assert [bool(one.error) for one in made] == [True, False, False]
    assert not list(back.glob("0000000001*")) and not list(back.glob("*.tmp"))
