"""The life of a store by a seed: what it is asked to do, what fails, how it ends, and how it goes on.

The seed chooses each step, the thread that goes on at each call, and the states of the disk after an end:
kills leave what was written; power cuts leave what a file system may (`tests/parts/powercut/models.py`).
"""

import errno
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.policy import DAY, StorePolicy, Sync
from logsrv.linelog.store.segment import ACTIVE
from logsrv.linelog.store.store import Store
from tests.linelog.store.histories.calls import Calls, instead_of_os
from tests.linelog.store.histories.reading import Known, Reader, backed_up
from tests.linelog.store.histories.stepping import SteppedClock, joins_by
from tests.parts.powercut.history import History
from tests.parts.powercut.image import Image
from tests.parts.powercut.models import MODELS, Choice, image, sample, tellings
from tests.parts.powercut.recording import Operation

# ALWAYS promises most, but only without a promise may a reader see a line that a power cut takes.
SYNCS = (Sync.ALWAYS, Sync.ALWAYS, Sync.INTERVAL, Sync.NEVER)
FAILING = ("open", "writev", "pwrite", "link", "rename", "unlink", "fdatasync", "fsync", "fsync")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)
# Which ends are tried for each start: the last of them goes on.
ENDS, STARTS = 4, 2
# Seconds after which Sync.INTERVAL has synced a line.
INTERVAL = 3.0
EVERYTHING = Choice(0, frozenset(), "all")


class Life:
    """A store, its disk, its clock, and what is known of its lines. told: the steps, for a person."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.told: list[str] = []
        self.operations: list[Operation] = []
        self._chance = random.Random(seed)
        self._last = 0
        self._known = Known()
        self._now = 1.7e9
        self._starts = 0
        # Some lives are quiet: a fault hides what comes after it.
        self._faulty = self._chance.random() < 0.5
        self._keep = self._chance.choice([None, None, None, None, 1, 2000])
        self._policy = self._make_policy(self._chance.choice(SYNCS), self._choose_rotate_size())
        self._steps: dict[Callable[[], None], int] = {
            self._append: 6,
            self._append_and_wait: 6,
            self._rotate: 4,
            self._look: 4,
            self._follow: 3,
            self._let_time_pass: 3,
            self._set_the_clock: 1,
            self._apply: 1,
            self._back_up: 1,
            self._fail: 3 * self._faulty,
            self._change_room: self._faulty,
        }

    def live(self) -> None:
        """Live to the end. Raises AssertionError for the first promise that the store does not keep."""
        with ExitStack() as undo:
            undo.enter_context(instead_of_os(lambda: self._calls))
            self._start_on(Image({"store": -1}, {}))
            for _ in range(STARTS):
                for _ in range(self._chance.randint(3, 14)):
                    self._make_step()
                if self._faulty and self._chance.random() < 0.5:
                    self._fail_at_a_rotation()
                self._end_and_go_on()
            self._heal()
            self._drive(lambda: not self._store.pending and not self._store.stalled)
            self._reader.check(self._known)
            self._end()

    def _tell(self, what: str) -> None:
        self.told.append(f"{self._starts}.{len(self._calls.operations)}: {what}")

    def _make_policy(self, sync: Sync, rotate: int) -> StorePolicy:
        every = self._chance.choice([30.0, 1000 * 366 * DAY])
        return StorePolicy(sync=sync, rotate_size=rotate, keep_bytes=self._keep, rotate_every=every)

    def _choose_rotate_size(self) -> int:
        return self._chance.choice([100, 1000, 1 << 20])

    # Steps.

    def _make_step(self) -> None:
        (step,) = self._chance.choices(list(self._steps), list(self._steps.values()))
        step()
        if self._chance.random() < 0.5:
            self._clock.step(self._chance.randint(0, 12))
        if self._chance.random() < 0.2:
            self._look()

    def _append(self) -> None:
        lines = []
        for _ in range(self._chance.randint(1, 4)):
            self._last += 1
            size = self._chance.choice([0, 10, 300])
            lines.append(b"<%06d> word%06d %s\n" % (self._last, self._last, b"x" * size))
        ids = range(self._last - len(lines) + 1, self._last + 1)
        self._tell(f"append {list(ids)}")
        self._store.append(
            Batch(Block.of(b"".join(lines)), "tcp:192.0.2.1:1", self._clock.time_of_day())
        )
        known, calls, always = self._known, self._calls, self._policy.sync is Sync.ALWAYS

        def confirm(_: object) -> None:
            self._tell(f"{list(ids)} are confirmed")
            known.confirm(ids, len(calls.operations), promised=always)

        waiting: Deferred[None] = self._store.durable()
        waiting.addCallbacks(confirm, lambda failure: failure.trap(StoreError) and None)

    def _append_and_wait(self) -> None:
        self._append()
        self._clock.settle()

    def _rotate(self) -> None:
        self._tell("rotate")
        self._store.rotate()

    def _is_renaming(self) -> bool:
        """Return whether there is no current.log for an instant, because a link failed."""
        return not (self._calls.root / "store" / ACTIVE).exists()

    def _look(self) -> None:
        if self._is_renaming():
            return
        self._tell("look")
        with self._calls.by_the_test():
            if self._chance.random() < 0.3:
                self._reader.search(self._known.copy(), self._disturbing())
            if not self._is_renaming():
                self._reader.check(self._known)

    def _follow(self) -> None:
        self._tell("follow")
        with self._calls.by_the_test():
            self._reader.follow(self._disturbing())

    def _disturbing(self) -> Callable[[], None]:
        """Return a function for the middle of a read: lines come, the segment changes, calls fail."""
        rotations = iter(range(self._chance.randint(0, 3)))

        def disturb() -> None:
            if self._chance.random() < 0.3 and next(rotations, None) is not None:
                self._append()
                self._rotate()
            if self._faulty and self._chance.random() < 0.02:
                self._fail()
            self._clock.step(self._chance.randint(0, 12))

        return disturb

    def _let_time_pass(self) -> None:
        seconds = self._chance.choice([0.02, 1.0, INTERVAL, INTERVAL, 60.0, 3600.0])
        self._tell(f"let {seconds} s pass")
        self._clock.settle()
        before = dict(self._known.confirmed)
        self._clock.advance(seconds)
        if (
            self._policy.sync is not Sync.NEVER
            and seconds >= INTERVAL
            and not self._store.troubles()
        ):
            self._known.promise_all(before, self._calls.failed_sync, len(self._calls.operations))

    def _set_the_clock(self) -> None:
        seconds = self._chance.choice([-3600.0, -1.0, 3600.0, 2 * DAY])
        self._tell(f"set the clock by {seconds} s")
        self._clock.set_ahead(seconds)

    def _apply(self) -> None:
        self._policy = self._make_policy(self._chance.choice(SYNCS), self._choose_rotate_size())
        self._tell(f"apply {self._policy}")
        self._store.apply(self._policy)
        # A line that is appended now is confirmed by the new policy.
        self._clock.settle()

    def _back_up(self) -> None:
        if self._is_renaming():
            return
        self._tell("back up")
        with self._calls.by_the_test():
            root = self._calls.root
            backed_up(root / "store", root / "backup", self._known, keeps_all=self._keep is None)

    def _fail(self) -> None:
        name, number = self._chance.choice(FAILING), self._chance.choice(ERRORS)
        errors = [0] * self._chance.randint(0, 2) + [number] * self._chance.choice([1, 2, 9])
        self._tell(f"{name} gives {errors}")
        self._calls.failing[name] = errors

    def _fail_at_a_rotation(self) -> None:
        self._append_and_wait()
        self._fail()
        self._rotate()
        self._append_and_wait()
        self._let_time_pass()
        self._append_and_wait()

    def _change_room(self) -> None:
        self._calls.room = self._chance.choice([None, 0, 100, 1000])
        self._calls.short = self._chance.choice([None, 7])
        self._tell(f"room: {self._calls.room}, short: {self._calls.short}")

    def _heal(self) -> None:
        self._calls.failing.clear()
        self._calls.room = self._calls.short = None

    # Starts and ends.

    def _start_on(self, made: Image) -> None:
        self._starts += 1
        root = self.home / str(self._starts)
        root.mkdir()
        made.write(root)
        self._clock = SteppedClock(self._chance.getrandbits(32))
        self._clock.set_time_of_day(self._now)
        self._calls = Calls(root, self._clock)
        self._calls.begin_with(made)
        self._undo_start = ExitStack()
        self._undo_start.enter_context(joins_by(self._clock))
        self._store = Store(
            root / "store", self._policy,
            reactor=self._clock.turns, clock=self._clock, metrics=Metrics(METRICS),
        )  # fmt: skip
        self._started = len(self._calls.operations)
        self._store.open()
        # The new threads come to their first rest.
        self._clock.step(0)
        self._opened = len(self._calls.operations)
        self._reader = Reader(root / "store", self._calls, keeps_all=self._keep is None)

    def _end_and_go_on(self) -> None:
        """End the store, and go on with some of the states that this may leave."""
        if self._chance.random() < 0.1:
            self._stop()
        history, known = self._end(), self._known
        tried: set[bytes] = set()
        for number in range(ENDS):
            self._known = known.copy()
            made = self._choose_state(history)
            if made.digest() in tried and number < ENDS - 1:
                continue
            tried.add(made.digest())
            self._start_on(made)
            self._look()
            self._append_and_wait()
            self._look()
            if number < ENDS - 1:
                self._end()

    def _choose_state(self, history: History) -> Image:
        chance = self._chance
        cut = self._choose_cut(history)
        model = chance.choice(["", "ext4", "xfs", "alice", "alice", "alice"])
        self._known.forget_after(cut)
        if not model:
            self._tell(f"kill at {cut}")
            return image(MODELS["ext4"], history, attrs.evolve(EVERYTHING, cut=cut))
        rules = MODELS[model]
        choice = sample(rules, history, cut, chance)
        if chance.random() < 0.8:
            choice = chance.choice(list(tellings(rules, history, cut)))
        self._tell(f"cut the power ({model}): {choice.told(history)}")
        self._known.lose_power()
        return image(rules, history, choice)

    def _choose_cut(self, history: History) -> int:
        """Return a cut since the start: most defects show behind a change of names, or at the end."""
        chance = self._chance
        first = self._opened if chance.random() < 0.75 else self._started
        cuts = [cut for cut in history.cuts() if cut >= first] or history.cuts()[-1:]
        names = {one.number + 1 for one in history.names}
        behind_names = [cut for cut in cuts if cut in names] or cuts
        return chance.choice(chance.choice([cuts, behind_names, cuts[-1:]]))

    def _stop(self) -> None:
        self._tell("stop")
        self._heal()
        done: list[object] = []
        self._store.close().addBoth(done.append)
        self._drive(lambda: done)

    def _drive(self, condition: Callable[[], object]) -> None:
        for _ in range(100):
            self._clock.settle()
            if condition():
                return
            self._clock.advance(1.0)
        raise AssertionError("the store does not come to an end")

    def _end(self) -> History:
        """End the process as it is."""
        self._now = self._clock.time_of_day()
        self._clock.kill()
        self._calls.outside = True
        self._reader.close()
        self._undo_start.close()
        self._calls.close_all()
        self._known.calls_failed |= self._calls.failed
        self.operations += self._calls.operations
        return History(self._calls.operations)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the threads of a store that a failure has left."""
        if not self._clock.dead:
            self._end()
