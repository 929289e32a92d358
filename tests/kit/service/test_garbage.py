"""What a long-lived process keeps from the garbage collector, and that no garbage stays for ever."""

import subprocess
import sys

from logsrv.kit.testing.patience import PATIENCE

# In a process of its own: what it freezes would be out of sight in all other tests.
FROZEN = """
import gc, weakref
from twisted.internet.task import Clock
from logsrv.kit.service._garbage import PASS_SECONDS, LongLivedFreezer

class Node:
    def __init__(self):
        self.itself = self

clock, threshold = Clock(), gc.get_threshold()
long_lived = LongLivedFreezer(clock)
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
    subprocess.run([sys.executable, "-c", FROZEN], check=True, timeout=PATIENCE)
