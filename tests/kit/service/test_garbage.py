"""What a long-lived process keeps from the garbage collector, and that no garbage stays for ever."""

import gc
import subprocess
import sys

import pytest
from twisted.internet.task import Clock

from logsrv.kit.service.garbage import LATEST_SECONDS, LOOK_SECONDS, PASS_SECONDS, LongLivedFreezer

START = ["freeze", "collect"]
# In a process of its own: what it freezes would be out of sight in all other tests.
FROZEN = """
import gc, weakref
from twisted.internet.task import Clock
from logsrv.kit.service.garbage import LOOK_SECONDS, PASS_SECONDS, LongLivedFreezer

class Node:
    def __init__(self):
        self.itself = self

clock, threshold = Clock(), gc.get_threshold()
long_lived = LongLivedFreezer(clock, lambda: 0.0)
long_lived.start()
before = gc.get_freeze_count()
nodes = [Node() for _ in range(1000)]
gone = weakref.ref(nodes[0])
counted = weakref.ref(set_ := set())
gc.collect()
assert gc.get_freeze_count() >= before + 1000, "what has survived is frozen"
del set_
assert counted() is None, "reference counts free it as ever"
nodes.clear()
gc.collect()
assert gone() is not None, "cycles that are frozen are not looked at"
clock.advance(PASS_SECONDS)
clock.advance(LOOK_SECONDS)
assert gone() is None, "until all is gone through"
assert gc.get_freeze_count() > before / 2, "and what is left is frozen again"
long_lived.stop()
after = gc.get_freeze_count()
nodes = [Node() for _ in range(1000)]
gc.collect()
assert gc.get_freeze_count() <= after
assert not clock.getDelayedCalls()
assert gc.get_threshold() == threshold
"""


def test_what_has_lived_long_is_frozen_and_its_cycles_are_found_later():
    subprocess.run([sys.executable, "-c", FROZEN], check=True)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes what is done to the collector, and does nothing."""
    done: list[str] = []
    for name in ("freeze", "unfreeze", "collect"):
        monkeypatch.setattr(gc, name, lambda name=name: done.append(name))
    return done


def test_a_busy_process_is_gone_through_at_the_first_calm_moment(passes):
    clock, used = Clock(), [0.0]
    long_lived = LongLivedFreezer(clock, lambda: used[0])
    long_lived.start()
    clock.advance(PASS_SECONDS)
    for _ in range(5):
        used[0] += LOOK_SECONDS / 2
        clock.advance(LOOK_SECONDS)
    assert passes == START
    clock.advance(LOOK_SECONDS)
    assert passes == [*START, "unfreeze", "collect", "collect"]
    long_lived.stop()


def test_one_that_is_always_busy_is_gone_through_once_a_day(passes):
    clock = Clock()
    long_lived = LongLivedFreezer(clock, clock.seconds)
    long_lived.start()
    clock.advance(PASS_SECONDS)
    for _ in range(int((LATEST_SECONDS - PASS_SECONDS) / LOOK_SECONDS) - 1):
        clock.advance(LOOK_SECONDS)
    assert passes == START
    clock.advance(LOOK_SECONDS)
    assert passes == [*START, "unfreeze", "collect", "collect"]
    long_lived.stop()
