"""Words of many segments, looked up in parts of files: the same answers as with the files."""

import pytest

from logsrv.linelog.archive.view import ArchivedWordIndex, frames_by_segment
from logsrv.linelog.objects.interface import ArchiveError
from logsrv.linelog.objects.reader_threads import ReaderThreads
from logsrv.linelog.query.text_search.literals import AllOf, AnyOf, Literal, Need
from logsrv.linelog.read.word_frames import frames_in_word_index
from logsrv.linelog.store.words.lookup import PartialFile, WordIndex
from tests.parts.archived_stores import packed, sealed_store
from tests.parts.disks import at


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    store = sealed_store(tmp_path_factory.mktemp("words") / "store", 3, count=20000)
    return {one.number: at(store).read(one.words) for one in packed(store)}


def literal(text: str) -> Literal:
    return Literal(text.encode(), ignore_case=False)


NEEDS: list[Need] = [
    *map(
        literal, ("walnut", "common", "segment 2", "line 19999", "127.0.0.1", "xylophone", "\\u00")
    ),
    AllOf((literal("walnut"), literal("segment 2"))),
    AnyOf((literal("walnut"), literal("quince"))),
]


@pytest.mark.parametrize("with_heads", [True, False], ids=["with heads", "with nothing"])
@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_the_answers_are_those_of_the_files(files, need, with_heads):
    parts = []
    read: list[tuple[int, int]] = []

    def reader(data: bytes, at: int, size: int) -> bytes:
        read.append((at, size))
        return data[at : at + size]

    for number, data in files.items():
        heads = WordIndex(data).essential_parts() if with_heads else []
        known = PartialFile(len(data), [(at, data[at : at + size]) for at, size in heads])
        parts.append(
            ArchivedWordIndex(
                number,
                known,
                lambda at, size, of=data: reader(of, at, size),  # type: ignore[misc]
                pytest.fail,
            )
        )
    readers = ReaderThreads()
    found = frames_by_segment(parts, need, readers)
    readers.close()
    assert found == {
        number: frames_in_word_index(WordIndex(data), need) for number, data in files.items()
    }
    assert sum(size for _, size in read) <= sum(map(len, files.values())) + 3 * 4096


def test_the_word_index_of_another_segment_rules_nothing_out(files):
    """As somebody makes it who copies objects."""
    told: list[str] = []
    words = WordIndex(files[1])
    own = words.segment, words.text, words.compressed, words.frames
    parts = [
        ArchivedWordIndex(
            number,
            PartialFile(len(files[number])),
            lambda at, size, of=files[number]: of[at : at + size],  # type: ignore[misc]
            told.append,
            own,
        )
        for number in (1, 2)
    ]
    readers = ReaderThreads()
    assert frames_by_segment(parts, literal("xylophone"), readers) == {1: 0, 2: None}
    readers.close()
    assert told == ["this is the word index of another segment, not of 1"]


def test_what_cannot_be_read_rules_nothing_out(files):
    told: list[str] = []

    def fail(at: int, size: int) -> bytes:
        raise ArchiveError("it is gone")

    parts = [
        ArchivedWordIndex(1, PartialFile(len(files[1])), fail, told.append),
        ArchivedWordIndex(
            2,
            PartialFile(len(files[2])),
            lambda at, size: files[2][at : at + size - 1],
            told.append,
        ),
        ArchivedWordIndex(3, PartialFile(len(files[3])), lambda _, size: bytes(size), told.append),
    ]
    readers = ReaderThreads()
    assert frames_by_segment(parts, literal("walnut"), readers) == {1: None, 2: None, 3: None}
    readers.close()
    assert told[:2] == ["it is gone", "it is shorter than it was"]
    assert len(told) == 3
