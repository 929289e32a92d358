"""Following a store that is written, rotated, sealed and cut down meanwhile."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from logsrv.linelog.read.follow import Follower, bytes_between, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.erasing import erase
from tests.parts.examples import more
from tests.parts.stores import Writer, line, make_store, view_of

STEPS = st.lists(
    st.sampled_from(["write", "write", "write", "rotate", "seal", "read", "read"]), max_size=60
)


@pytest.mark.slow
@more(3.2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_each_line_comes_once_in_order(tmp_path_factory, steps):
    writer = Writer(tmp_path_factory.mktemp("store") / "logs")
    follower = Follower(view_of(writer.directory), Position(0, 0))
    seen = b""
    for step in [*steps, "read"]:
        if step == "read":
            while news := follower.read(200):
                assert not news.has_gap
                seen += news.text
        else:
            getattr(writer, step)()
    assert seen == b"".join(line(f"line {number}", number) for number in range(writer.count))
    assert follower.position == end_of_store(view_of(writer.directory))


def test_what_retention_took_is_said_to_be_a_gap(tmp_path):
    writer = Writer(tmp_path / "logs")
    follower = Follower(view_of(writer.directory), Position(0, 0))
    writer.write()
    assert follower.read() is not None
    writer.rotate()
    for _ in range(3):
        writer.write()
        writer.rotate()
        writer.seal()
    writer.seal()
    follower.close()
    for _ in range(3):
        writer.remove()
    writer.write()
    news = follower.read()
    assert news is not None
    assert news.has_gap
    assert news.text == line("line 3", 3)
    again = follower.read()
    assert again is not None
    assert not again.has_gap


def test_a_line_that_is_being_written_comes_when_it_is_whole(tmp_path):
    writer = Writer(tmp_path / "logs")
    follower = Follower(view_of(writer.directory), Position(0, 0))
    current = writer.directory / "current.log"
    text = line("slowly")
    current.write_bytes(text[:-1])
    assert follower.read() is None
    with open(current, "ab") as file:
        file.write(b"\n")
    news = follower.read()
    assert news is not None
    assert (news.position, news.text) == (Position(1, 0), text)


def test_a_line_longer_than_the_limit_comes_whole(tmp_path):
    long = line("x" * 5000)
    store = make_store(tmp_path / "logs", [[long, line("next", 1)]])
    follower = Follower(view_of(store), Position(1, 0))
    seen = b""
    while news := follower.read(100):
        assert news.text.endswith(b"\n")
        seen += news.text
    assert seen == long + line("next", 1)


def test_a_compressed_segment_comes_in_pieces_too(tmp_path):
    """A frame is a MiB, and whoever reads in steps has other things to do between them."""
    store = make_store(
        tmp_path / "logs", [[line(str(number)) for number in range(300)], [line("z")]]
    )
    follower = Follower(view_of(store), Position(1, 0))
    text, sizes = b"", []
    while news := follower.read(1000):
        assert news.position.segment == 2 or news.position.offset == len(text)
        text += news.text
        sizes.append(len(news.text))
    assert max(sizes) <= 1000 and len(sizes) > 15
    assert text == b"".join(line(str(number)) for number in range(300)) + line("z")
    follower.close()


def test_lines_that_were_erased_meanwhile_do_not_come(tmp_path):
    """Also of a compressed segment that was open before, and of a frame that is in memory."""
    store = make_store(
        tmp_path / "logs",
        [[line(f"number={number} ann") for number in range(300)], [line("z ann"), line("y")]],
    )
    follower = Follower(view_of(store), Position(1, 0))
    first = follower.read(1000)
    assert first is not None and first.text.count(b"ann") > 9
    erase(store, "ann")
    rest = b""
    while news := follower.read(1000):
        assert not news.has_gap
        rest += news.text
    assert b"ann" not in rest and rest.endswith(line("y"))
    whole = b"".join(line(f"number={number} ann") for number in range(300)) + line("z ann")
    assert len(first.text) + len(rest) == len(whole + line("y"))
    follower.close()


def damaged(directory: Path) -> tuple[Path, list[bytes]]:
    """A store with damage in the first frame, and the lines of the segment that it is in."""
    lines = [line(f"{number} " + "x" * 1000, number) for number in range(3000)]
    store = make_store(directory, [lines, [line("last", 4000)]])
    [packed] = store.glob("*.zst")
    data = bytearray(packed.read_bytes())
    data[100] ^= 0xFF
    packed.write_bytes(data)
    return store, lines


def test_damage_is_told_and_passed_over(tmp_path):
    store, lines = damaged(tmp_path / "logs")
    told: list[str] = []
    follower = Follower(View(str(store), told.append), Position(0, 0))
    seen, gaps = b"", 0
    while news := follower.read():
        seen += news.text
        gaps += news.has_gap
    assert b"".join(lines).endswith(seen.removesuffix(line("last", 4000)))
    assert seen.endswith(line("last", 4000))
    assert len(seen) > 1_000_000
    assert gaps == 1
    assert "is damaged at byte 0" in told[0]


def test_damage_leads_nobody_past_the_end_that_was_asked_for(tmp_path):
    store, lines = damaged(tmp_path / "logs")
    until = Position(1, sum(map(len, lines[:2000])))
    follower = Follower(View(str(store), lambda _: None), Position(0, 0))
    seen = b"".join(iter(lambda: getattr(follower.read(until=until), "text", b""), b""))
    assert seen and b"".join(lines[:2000]).endswith(seen)
    follower.close()


def test_a_line_before_a_rotation_is_read(tmp_path, monkeypatch):
    """A line and a rotation between two of a reader's steps: the line is read all the same."""
    writer = Writer(tmp_path / "logs")
    view = view_of(writer.directory)
    follower = Follower(view, Position(1, 0))
    assert follower.read() is None
    is_active = view.is_active_file

    def meanwhile(fd: int) -> bool:
        if writer.count == 0:
            writer.write()
            writer.rotate()
        return is_active(fd)

    monkeypatch.setattr(view, "is_active_file", meanwhile)
    news = follower.read()
    assert news is not None and news.text == line("line 0", 0)
    follower.close()


@pytest.mark.parametrize("packed", [0, 1, 3])
def test_the_bytes_between_two_positions(tmp_path, packed):
    texts = [[line(f"{segment} {n}", n) for n in range(100)] for segment in range(4)]
    sizes = [sum(map(len, lines)) for lines in texts]
    directory = make_store(tmp_path / "logs", texts, packed=packed)
    with view_of(directory) as view:
        assert bytes_between(view, Position(2, 5), Position(2, 9)) == (4, True)
        all_of_three = sum(sizes[:3]) - 5 + 9
        assert bytes_between(view, Position(1, 5), Position(4, 9)) == (all_of_three, True)
        for path in directory.glob("0000000002-*"):
            path.unlink()
        found, is_known = bytes_between(view, Position(1, 5), Position(4, 9))
        assert not is_known and found >= all_of_three - sizes[1]
