"""Results of other threads for the reactor: a Deferred for a future of `concurrent.futures`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from twisted.internet.defer import CancelledError as DeferredCancelled
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

T = TypeVar("T")


def deferred_from_future(
    future: Future[T], reactor: IReactorFromThreads, cancel: Callable[[], None]
) -> Deferred[T]:
    """Return a Deferred that fires in the reactor with the result or the error of a future.

    cancel: called if the Deferred is cancelled.
    """
    fired: Deferred[T] = Deferred(lambda _: cancel())
    future.add_done_callback(
        lambda done: reactor.callFromThread(_fire_with_result, fired, done)  # type: ignore[arg-type]
    )
    return fired


def _fire_with_result(fired: Deferred[T], done: Future[T]) -> None:
    if fired.called:
        return
    try:
        result = done.result()
    except CancelledError:
        fired.errback(DeferredCancelled())
    except BaseException:
        # A library in Rust may panic with an exception that is no Exception.
        fired.errback()
    else:
        fired.callback(result)
