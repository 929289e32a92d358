"""How often another thread goes on while one works."""

from collections.abc import Callable
from threading import Event, Thread


def turns_of_others(work: Callable[[], object]) -> int:
    """Return how often another thread has gone on during the work: never in one long call of C."""
    turns, done = 0, Event()

    def others() -> None:
        nonlocal turns
        while not done.wait(0.0001):
            turns += 1

    other = Thread(target=others)
    other.start()
    try:
        before = turns
        work()
        return turns - before
    finally:
        done.set()
        other.join()
