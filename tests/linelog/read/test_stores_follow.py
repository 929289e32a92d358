"""A follower of several stores: every line once, in the order of the times, in few and large texts."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.stores_follow import LAG, LEAST, StoresFollower
from logsrv.linelog.read.watched_stores import WatchedStores
from logsrv.linelog.store.cursor import Place, place_in
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.stores import BEGIN, line, make_store, remove_segment

STEP = 1.0


class Followed:
    """A follower of stores, and the time of day in seconds after BEGIN."""

    def __init__(self, directory: Path, stores: Mapping[str, Sequence[Sequence[bytes]]]) -> None:
        self.now = 1e6
        self.directory = make_store(directory, stores[""])
        begins = {0: Position(1, 0)}
        for name, segments in stores.items():
            if name:
                (directory / "stores").mkdir(exist_ok=True)
                make_store(directory / "stores" / name, segments)
                number = number_of_store(name)
                begins[number] = Position(1, 0).in_store(number)
        self.begin: Place = place_in(begins)
        self.stores = WatchedStores(
            str(directory), pytest.fail, time_of_day=lambda: BEGIN + self.now
        )
        self.stores.look()
        self.follower = StoresFollower(self.stores, self.begin)

    def reads(self, limit: int, steps: Sequence[float] = (STEP,)) -> Iterator[list[AppendedLines]]:
        """Yield the texts of each read, until nothing comes."""
        while found := [*self.follower.read(limit, steps=steps)]:
            yield found

    def close(self) -> None:
        self.follower.close()
        self.stores.close()


def steps_of(text: bytes) -> list[bytes]:
    """Return the step of each line: the second of its TIME."""
    return [one[:19] for one in text.splitlines()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 1 << 30))
def test_reads_are_in_the_order_of_the_steps_however_uneven_the_stores_are(tmp_path_factory, seed):
    chosen = random.Random(seed)
    names = ["", "a", "b", "c"][: chosen.randrange(2, 5)]
    shares = [chosen.choice((1, 5, 100)) for _ in names]
    beside: dict[str, list[list[bytes]]] = {name: [[]] for name in names}
    moment = 0.0
    for number in range(chosen.randrange(1, 300)):
        moment += chosen.choice((0.0, 0.01, 0.3, 7.0))
        [name] = chosen.choices(names, shares)
        if chosen.random() < 0.05 and beside[name][-1]:
            beside[name].append([])
        beside[name][-1].append(line(f"{number} {'x' * chosen.choice((1, 1000))}", moment))
    followed = Followed(tmp_path_factory.mktemp("order") / "store", beside)
    limit = chosen.choice((1, 2000, 20_000, 1 << 20))
    last = b""
    found: Counter[bytes] = Counter()
    for texts in followed.reads(limit):
        steps = [step for text in texts for step in steps_of(text.text)]
        assert min(steps) >= last
        last = max(steps)
        found.update(one for text in texts for one in text.text.splitlines(keepends=True))
        for text in texts:
            view = followed.stores.views[text.position.store]
            with view.open_segment(text.position.segment) as frames:  # type: ignore[union-attr]
                [[start, first], *_] = frames.lines_between(text.position.offset, frames.size)
                assert (start, first[:30]) == (text.position.offset, text.text[:30])
    assert found == Counter(one for parts in beside.values() for part in parts for one in part)
    followed.close()


def test_sparse_lines_of_interleaved_stores_come_in_few_texts(tmp_path):
    """A text for each step took minutes to catch up with a day."""
    beside = {name: [[line("x" * 50, 2 * n + at) for n in range(2000)]]
              for at, name in enumerate(("", "audit"))}  # fmt: skip
    followed = Followed(tmp_path / "store", beside)
    texts = [text for found in followed.reads(1 << 20) for text in found]
    assert len(texts) <= 4
    followed.close()


def test_a_read_is_of_about_the_bytes_that_were_asked_for(tmp_path):
    """A dense store does not bring all of its lines at once, nor hundreds of texts."""
    sparse = [line("x" * 50, n) for n in range(1000)]
    dense = [line("x" * 50, n / 10) for n in range(10_000)]
    followed = Followed(tmp_path / "store", {"": [dense], "a": [sparse], "b": [sparse]})
    total = sum(map(len, (*dense, *sparse, *sparse)))
    most = 10 * LEAST
    reads = [*followed.reads(most)]
    assert max(sum(len(text.text) for text in texts) for texts in reads) < 1.5 * most
    assert len(reads) < 2 * total / most + 3
    assert max(map(len, reads)) == 3
    followed.close()


def test_lines_wait_while_another_store_may_get_earlier_ones(tmp_path):
    followed = Followed(tmp_path / "store", {"": [[line("new", 5)]], "a": [[line("old", 1)]]})
    followed.now = 5 + LAG / 2
    found = [text.text for texts in followed.reads(1 << 20) for text in texts]
    assert [one.split()[-1] for one in found] == [b"old"] and followed.follower.is_holding
    late = followed.directory / "stores" / "a" / "current.log"
    with late.open("ab") as file:
        file.write(line("late", 4))
    followed.now = 6 + LAG
    found = [text.text for texts in followed.reads(1 << 20) for text in texts]
    assert sorted(one.split()[-1] for one in found) == [b"late", b"new"]
    assert not followed.follower.is_holding
    followed.close()


def test_lines_that_wait_are_not_lost_when_the_only_other_store_is_removed(tmp_path):
    followed = Followed(tmp_path / "store", {"": [[line("new", 5)]], "a": [[line("old", 1)]]})
    followed.now = 5
    assert len([*followed.reads(1 << 20)]) == 1
    shutil.rmtree(followed.directory / "stores")
    followed.follower.change_stores(followed.stores.look())
    followed.now = 6 + LAG
    [[text]] = followed.reads(1 << 20)
    assert text.text.endswith(b" new\n")
    with (followed.directory / "current.log").open("ab") as file:
        file.write(line("newer", 6))
    [[text]] = followed.reads(1 << 20)
    assert text.text.endswith(b" newer\n")
    followed.close()


def test_missing_lines_are_told_once_with_the_first_lines_after_them(tmp_path):
    first, second = [line("gone", 0)], [line("kept", 1), line("kept, too", 2)]
    followed = Followed(
        tmp_path / "store", {"": [[line("main", n) for n in range(4)]], "a": [first, second, []]}
    )
    remove_segment(followed.directory / "stores" / "a", 1, len(first[0]), 1)
    texts = [text for found in followed.reads(1) for text in found]
    those = [text for text in texts if text.position.store]
    assert [text.has_gap for text in those] == [True, *[False] * (len(those) - 1)]
    assert b"".join(text.text for text in those) == b"".join(second)
    followed.close()


def test_without_steps_nothing_waits(tmp_path):
    followed = Followed(tmp_path / "store", {"": [[line("new", 5)]], "a": [[line("old", 1)]]})
    followed.now = 5
    [texts] = followed.reads(1 << 20, steps=())
    assert [text.text.split()[-1] for text in texts] == [b"old", b"new"]
    followed.close()
