"""Starting, reloading and stopping listeners together, seen from the listeners."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit.service.service import ListeningService, Plan
from tests.kit.net.network import logged


class Recorder:
    """A listener that writes down what becomes of it."""

    def __init__(self, key: str, calls: list[str]) -> None:
        self.key = key
        self.calls = calls
        self.fails = "taken" in key

    def privilegedStartService(self) -> None:
        if self.fails:
            raise ConfigurationError(f"{self.key}: the port is in use")
        self.calls.append(f"bind {self.key}")

    def startService(self) -> None:
        self.calls.append(f"start {self.key}")

    def stopService(self) -> Deferred[None]:
        self.calls.append(f"stop {self.key}")
        return succeed(None)

    def drain(self, seconds: float) -> Deferred[int]:
        self.calls.append(f"drain {self.key}")
        if "broken" in self.key:
            raise RuntimeError("a listener with a bug")
        return succeed(1)


class Reactor(MemoryReactorClock):
    def callFromThread(self, callable: Callable[[], None]) -> None:
        callable()


class Service(ListeningService[Sequence[str]]):
    """A service whose settings are the keys of its listeners."""

    def __init__(self, *keys: str) -> None:
        self.calls: list[str] = []
        self.next: Sequence[str] | ConfigurationError = keys
        super().__init__("test", keys, self.plans, load=self.load, reactor=Reactor())  # type: ignore[arg-type]

    def plans(self, keys: Sequence[str]) -> list[Plan]:
        return [
            Plan(
                key,
                make=lambda key=key: Recorder(key, self.calls),  # type: ignore[misc, arg-type]
                apply=lambda it: self.calls.append(f"apply {it.key}"),  # type: ignore[attr-defined]
            )
            for key in keys
        ]

    def load(self) -> Sequence[str]:
        if isinstance(self.next, ConfigurationError):
            raise self.next
        return self.next

    def open(self) -> None:
        self.calls.append("open")

    def apply(self, settings: Sequence[str]) -> None:
        if "unacceptable" in settings:
            raise ConfigurationError("that cannot be changed")

    def removed(self, key: str, listener: object) -> None:
        self.calls.append(f"removed {key}")

    def close(self) -> Deferred[None]:
        self.calls.append("close")
        return succeed(None)


def started(*keys: str) -> Service:
    service = Service(*keys)
    service.privilegedStartService()
    service.startService()
    return service


def test_ports_are_bound_before_privileges_go_and_the_rest_is_opened_after() -> None:
    service = Service("a", "b")
    service.privilegedStartService()
    assert service.calls == ["bind a", "bind b"]
    service.startService()
    assert service.calls[2:] == ["open", "start a", "start b"]
    service.stopService()


def test_twist_which_knows_no_privileged_start() -> None:
    service = Service("a")
    service.startService()
    assert service.calls == ["bind a", "open", "start a"]
    service.stopService()


def test_a_failing_listener_ends_the_start_with_its_sentence() -> None:
    """As SystemExit, which shows no traceback; those that had started are stopped."""
    service = Service("a", "taken")
    with pytest.raises(StartError, match="test: taken: the port is in use") as caught:
        service.privilegedStartService()
    assert isinstance(caught.value, SystemExit)
    assert caught.value.code == "test: taken: the port is in use"
    assert "stop a" in service.calls


def test_the_same_place_twice() -> None:
    with pytest.raises(StartError, match="twice"):
        started("a", "a")


def test_stopping_drains_all_and_then_closes() -> None:
    service = started("a", "broken", "b")
    service.calls.clear()
    stopped: list[object] = []
    service.stopService().addCallback(stopped.append)
    assert stopped == [None]
    assert service.calls == ["drain a", "stop a", "drain broken", "drain b", "stop b", "close"]


def test_reload() -> None:
    """What stays is told the new settings, what is new starts, what is gone is drained."""
    service = started("stays", "goes")
    service.calls.clear()
    service.next = ("stays", "comes")
    service.reload()
    assert service.calls == [
        "bind comes", "start comes", "drain goes", "stop goes", "removed goes", "apply stays",
    ]  # fmt: skip
    assert service.settings == ("stays", "comes")
    service.stopService()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (ConfigurationError("line 3: wrong"), "line 3: wrong"),
        (("a", "comes", "taken"), "in use"),
        (("a", "unacceptable"), "cannot be changed"),
    ],
)
def test_reload_refused(wanted: Sequence[str] | ConfigurationError, why: str) -> None:
    """It is said why, what had been started for it is stopped, and the old listeners stay."""
    service = started("a")
    service.calls.clear()
    service.next = wanted
    with logged() as messages:
        service.reload()
    assert any("reload refused" in message and why in message for message in messages)
    assert service.settings == ("a",)
    assert not any(call.endswith(" a") for call in service.calls)
    assert service.calls.count("bind comes") == service.calls.count("stop comes")
    service.stopService()


def test_sighup_reloads_and_is_given_back_at_the_end() -> None:
    before = signal.getsignal(signal.SIGHUP)
    service = started("a")
    service.calls.clear()
    signal.raise_signal(signal.SIGHUP)
    assert service.calls == ["apply a"]
    service.stopService()
    assert signal.getsignal(signal.SIGHUP) == before
