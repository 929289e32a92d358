"""What a crowd counts of its receiver and its senders, and until when."""

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from logsrv.kit.protocols.crowd import SenderCrowd, handled
from logsrv.kit.protocols.states import OPEN
from tests.parts.kept import kept


class Member:
    """A receiver whose transport takes nothing, and a sender; why: why it was cut off."""

    lines = None
    state = SimpleNamespace(sending=OPEN)

    def __init__(self) -> None:
        self.author = SimpleNamespace(
            max_unsent=10,
            patience=5.0,
            transport=SimpleNamespace(unsent=lambda: 0),
            factory=SimpleNamespace(service=SimpleNamespace(clock=Clock())),
        )
        self.why = ""

    def cut_off(self, why: str) -> None:
        self.why = why

    def join_crowd(self, crowd: object) -> None: ...
    def leave_crowd(self, crowd: object) -> None: ...


def test_what_a_sender_wrote_too_much_counts_until_the_receiver_has_taken_all():
    """Each time as much again; a hundredth of it more would have cut the receiver off."""
    receiver: Any = Member()
    crowd = SenderCrowd(receiver)
    handled_before = handled.set(receiver)
    for _ in range(100):
        assert crowd.add_bytes(10) and crowd.add_bytes(10)
        crowd.clear_waiting_bytes()
    assert not receiver.why
    assert crowd.add_bytes(10) and crowd.add_bytes(10) and not crowd.add_bytes(1)
    assert receiver.why.startswith("more is sent to it than it takes")
    handled.reset(handled_before)


def test_nothing_is_kept_of_a_sender_that_is_gone():
    crowd = SenderCrowd(Member())  # type: ignore[arg-type]
    crowd.add_bytes(10)
    before = kept(crowd)
    for _ in range(10):
        sender: Any = Member()
        handled_before = handled.set(sender)
        assert crowd.add_bytes(1) and crowd.add_bytes(1)
        handled.reset(handled_before)
        crowd.forget_sender(sender)
    assert {**kept(crowd), "0._written": 10} == before
