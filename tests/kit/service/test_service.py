"""Starting, reloading and stopping sites together, seen from what serves there."""

import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.threads import deferToThread

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit.service import _reload as reload
from logsrv.kit.service import _stop as stop
from logsrv.kit.service._manager import ServiceManager
from logsrv.kit.service.sites import Site
from logsrv.kit.testing.patience import PATIENCE
from tests.kit.service.recording import Rules, Service
from tests.parts.managers import FakeManager
from tests.parts.reactor import REACTOR, logged, until


def started(directory: Path, *names: str) -> Service:
    service = Service(directory, *names)
    service.privilegedStartService()
    service.startService()
    service.calls.clear()
    return service


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(path))
    return connection


async def test_places_are_taken_before_privileges_go_and_the_rest_is_opened_after(tmp_path):
    service = Service(tmp_path, "a", "b")
    service.privilegedStartService()
    assert service.calls == ["made a", "made b"]
    assert service.sockets() == {"a", "b"}
    service.startService()
    assert service.calls[2:] == ["open"]
    assert service.addresses == [str(tmp_path / "a"), str(tmp_path / "b")]
    await service.stopService()


async def test_it_is_ready_from_the_end_of_its_start_to_the_beginning_of_its_stop(tmp_path):
    service = Service(tmp_path, "a", "b")
    assert service.unready_reasons() == ["test is not running, or stopping"]
    service.privilegedStartService()
    assert service.unready_reasons()
    service.startService()
    assert service.unready_reasons() == []
    stopped = service.stopService()
    assert service.unready_reasons() == ["test is not running, or stopping"]
    await stopped


async def test_a_place_that_is_taken_ends_the_start_with_its_sentence(tmp_path):
    """As SystemExit, which shows no traceback; it is never ready, and those that were bound are let go."""
    (tmp_path / "taken").touch()
    service = Service(tmp_path, "a", "taken")
    with pytest.raises(StartError, match=r"test: .*taken.* is there and is no socket") as caught:
        service.privilegedStartService()
    assert isinstance(caught.value, SystemExit)
    assert service.unready_reasons()
    await until(lambda: not service.sockets(), "the end of the other")


async def test_the_same_place_twice_is_refused(tmp_path):
    """The sentence tells which two of many."""
    with pytest.raises(
        StartError,
        match=r"^test: a is given twice: by listeners 2 and 4, in the order of --listen or of the "
        r"tables in the file$",
    ):
        started(tmp_path, "b", "a", "c", "a")


async def test_stopping_drains_all_and_then_closes(tmp_path):
    """A site that fails hinders no other; who is there is closed, the sums are logged."""
    service = started(tmp_path, "a", "broken", "b")
    with connect(tmp_path / "a"), logged() as messages:
        await service.stopService()
    assert service.calls[0] == "stopping"
    assert sorted(service.calls[1:-1]) == ["closed a", "closed b", "closed broken"]
    assert service.calls[-1] == "close"
    assert service.sockets() == set()
    assert any("counted: connections_total 1" in message for message in messages)
    assert messages[-1] == "test: stopped, 0 connections cut off"


async def stubborn() -> None:
    """Goes on waiting when it is cancelled."""
    for _ in range(5):
        try:
            await Deferred()
        except CancelledError:
            pass


async def test_a_close_that_never_ends_is_logged(tmp_path, monkeypatch):
    """Not even when it is cancelled: it is said, then come the counts and "stopped" as ever."""
    monkeypatch.setattr(stop, "CLOSE_SECONDS", 0.05)
    before = signal.getsignal(signal.SIGTERM)
    service = started(tmp_path, "a")
    service.close = lambda: Deferred.fromCoroutine(stubborn())  # type: ignore[method-assign]
    with logged() as messages:
        await service.stopService()
    assert any("test: closing has taken" in message for message in messages)
    assert "counted" in messages[-2] and "stopped" in messages[-1]
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_reload_keeps_adds_and_removes_sites(tmp_path):
    """What stays keeps its peers and is told the new settings, what is new starts, what is gone drains."""
    service = started(tmp_path, "stays", "goes")
    with connect(tmp_path / "stays") as peer, connect(tmp_path / "goes") as leaving:
        service.next, service.rules = ("comes", "stays"), Rules(text="new ")
        await service.reload()
        assert service.calls == ["made comes", "settings comes stays", "apply new stays"]
        assert "comes" in service.open_at_apply
        assert service.settings == ("comes", "stays")
        assert service.addresses == [str(tmp_path / "comes"), str(tmp_path / "stays")]
        assert await deferToThread(leaving.recv, 1) == b""
        await until(lambda: "closed goes" in service.calls, "the end of the other")
        assert service.sockets() == {"comes", "stays"}
        assert service.metrics.value("connections_open", listener="stays") == 1
        peer.sendall(b"still here")
        await until(
            lambda: service.metrics.value("connections_open", listener="goes") == 0, "its end"
        )
    await service.stopService()


REFUSALS: dict[str, tuple[Sequence[str] | Exception, BaseException | None, str]] = {
    "a wrong file": (ConfigurationError("line 3: wrong"), None, "line 3: wrong"),
    "a bug in reading it": (KeyError("x"), None, "KeyError"),
    "a place that is taken": (("a", "comes", "taken"), None, "is no socket"),
    "twice the same": (("a", "comes", "comes"), None, "given twice"),
    "settings that are refused": (
        ("a", "comes"), ConfigurationError("that cannot be changed"), "cannot be changed",
    ),
    "settings that find a bug": (("a", "comes"), RuntimeError("a bug"), "RuntimeError: a bug"),
    "settings that want to exit": (("a", "comes"), SystemExit("out"), "SystemExit: out"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSALS)
async def test_a_refused_reload_changes_nothing(tmp_path, why):
    """It is said why, nothing of it was opened, all stays; and the next right one is done."""
    (tmp_path / "taken").touch()
    service = started(tmp_path, "a")
    with connect(tmp_path / "a") as peer:
        service.next, service.refuses, said = REFUSALS[why]
        with logged() as messages:
            await service.reload()
        assert any("reload refused" in message and said in message for message in messages)
        assert service.settings == ("a",)
        assert not any(call.startswith("apply") for call in service.calls)
        await until(
            lambda: service.calls.count("made comes") == service.calls.count("closed comes"),
            "the end of the other",
        )
        assert service.sockets() == {"a"}
        service.next = ("a", "comes")
        await service.reload()
        assert service.sockets() == {"a", "comes"}
        peer.sendall(b"x")
    await service.stopService()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("a bug in the text of an error")


async def test_an_error_that_has_no_text_does_not_end_all_reloads(tmp_path):
    service = started(tmp_path, "a")
    service.next, service.refuses = ("a", "comes"), Unprintable()
    with pytest.raises(RuntimeError, match="a bug in the text of an error"):
        await service.reload()
    assert service.sockets() == {"a"}
    await service.reload()
    assert service.sockets() == {"a", "comes"}
    await service.stopService()


async def test_a_place_lost_at_the_last_moment_changes_no_settings(tmp_path, monkeypatch):
    """Somebody else came between looking and binding: `apply`, which may end something, is not called."""
    service = started(tmp_path, "a")
    monkeypatch.setattr(Site, "check", lambda site: (tmp_path / "comes").touch())
    service.next = ("a", "comes")
    with logged() as messages:
        await service.reload()
    assert any("reload refused" in message for message in messages)
    assert not any(call.startswith(("settings", "apply")) for call in service.calls)
    assert service.settings == ("a",)
    assert service.sockets() == {"a"}
    await service.stopService()


async def test_a_draining_site_may_be_added_again(tmp_path):
    """The new one takes the place when it is free; counters of both are added up; reloads go on."""
    service = started(tmp_path, "a")
    with connect(tmp_path / "a") as peer:
        peer.sendall(b"x" * 10)
        await until(lambda: service.metrics.value("connections_open") == 1, "the connection")
        service.next = ()
        first = service.reload()
        service.next = ("a",)
        second = service.reload()
        await first
        await second
        assert service.sockets() == {"a"}
        with connect(tmp_path / "a"):
            await until(lambda: service.metrics.value("connections_total") == 2, "the second")
            await until(lambda: "closed a" in service.calls, "the end of the first site")
            assert service.metrics.value("connections_total", listener="a") == 2
        for names in ((), ("a", "b"), ("b",), ("a",)):
            service.next = names
            await service.reload()
            assert service.settings == names
            await until(lambda names=names: service.sockets() == set(names), "the sockets")  # type: ignore[misc]
    await service.stopService()
    assert service.metrics.totals()["connections_total"] == 2


async def test_a_site_that_fails_to_apply_does_not_undo_the_reload(tmp_path):
    service = started(tmp_path, "broken", "a")
    service.next = ("broken", "a", "comes")
    with logged() as messages:
        await service.reload()
    assert "broken failed to apply the new settings" in " ".join(messages)
    assert service.settings == ("broken", "a", "comes")
    assert "apply a" in service.calls
    await service.stopService()


async def test_a_new_site_at_our_own_place_is_refused(tmp_path):
    """A reload that wants to change a place says that it is our own that is in the way."""
    service = started(tmp_path, "a")
    service.next = ("./a",)
    with logged() as messages:
        await service.reload()
    assert not any("another program" in message for message in messages)
    await service.stopService()


async def test_a_reload_that_comes_while_it_stops_changes_nothing(tmp_path):
    service = started(tmp_path, "a")
    stopped = service.stopService()
    service.next = ("b",)
    await service.reload()
    await stopped
    assert service.sockets() == set()


async def test_a_stop_while_a_reload_waits_for_a_place_begins_nothing_new(tmp_path):
    """The new settings reach no plugin that is being closed, and take no place."""
    service = started(tmp_path, "a")
    service.next = ()
    await service.reload()
    service.next = ("a", "b")
    with logged() as messages:
        reloading = service.reload()
        assert not reloading.called, "the place of a is not free yet"
        service.calls.clear()
        await service.stopService()
        await reloading
    assert service.calls == ["stopping", "closed a", "close"]
    assert service.settings == () and service.sockets() == set()
    assert not any("test: reload" in message for message in messages)


async def test_sighup_reloads_and_is_given_back_at_the_end(tmp_path):
    before = signal.getsignal(signal.SIGHUP)
    service = started(tmp_path, "a")
    signal.raise_signal(signal.SIGHUP)
    await until(lambda: service.calls == ["settings a", "apply a"], "the reload")
    await service.stopService()
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_reload_waits_for_an_async_apply(tmp_path, monkeypatch):
    """It may be a coroutine: the reload waits for it, and is refused when it fails or never ends."""
    monkeypatch.setattr(reload, "CLOSE_SECONDS", 0.05)
    service = started(tmp_path, "a")
    answer: Deferred[None] = Deferred()
    service.apply = lambda settings: answer  # type: ignore[method-assign, assignment]
    service.next = ("a", "b")
    reloading = service.reload()
    assert tuple(service.settings) == ("a",)
    answer.callback(None)
    await reloading
    assert tuple(service.settings) == ("a", "b")
    answer = Deferred()
    service.next = ("a",)
    with logged() as messages:
        await service.reload()
    assert any("reload refused" in message for message in messages)
    assert tuple(service.settings) == ("a", "b")
    await service.stopService()


async def test_however_often_a_reload_is_asked_for_while_one_runs_it_runs_once_more(
    tmp_path, monkeypatch
):
    """By the settings as they are then; the next one after that is again one."""
    service = started(tmp_path, "a")
    answer: Deferred[None] = Deferred()
    applied: list[Sequence[str]] = []

    def apply(settings: Sequence[str]) -> Deferred[None]:
        applied.append(settings)
        return answer

    monkeypatch.setattr(service, "apply", apply)
    for _ in range(2):
        applied.clear()
        answer = Deferred()
        service.next = ("a", "b")
        reloading = service.reload()
        for _ in range(5):
            service.next = ("a",)
            await service.reload()
        answer.callback(None)
        await reloading
        assert applied == [("a", "b"), ("a",)] and service.settings == ("a",)
    await service.stopService()


async def test_the_status_tells_of_the_last_reload_alone(tmp_path, monkeypatch):
    """A reload runs and is refused; another one, asked for meanwhile, is done."""
    with FakeManager(tmp_path) as manager:
        service = Service(tmp_path, "a")
        service.manager = ServiceManager(manager.environment, REACTOR)
        service.privilegedStartService()
        service.startService()
        refused: Deferred[None] = Deferred()
        answers = [refused, succeed(None)]
        monkeypatch.setattr(service, "apply", lambda _: answers.pop(0))
        reloading = service.reload()
        await service.reload()
        refused.errback(ConfigurationError("not so"))
        await reloading
        manager.read()
        told = [one["STATUS"] for one in manager.messages if "READY" in one]
        assert told[0] == told[2] and "refused" not in told[0]
        assert told[1] == f"{told[0]}; the last reload was refused: not so"
        await service.stopService()


async def test_a_site_that_goes_is_free_at_once_and_nothing_stays_of_it(tmp_path, monkeypatch):
    """Though it could not go on itself, and a peer keeps it; its counts stay in the sums."""
    service = started(tmp_path, "a", "stays")
    for number in range(1, 4):
        with connect(tmp_path / "a") as peer:
            await until(lambda: service.metrics.value("connections_open") == 1, "the connection")
            served = service.recorded["a"].receiver.made[-1].transport
            served.pauseProducing()
            peer.sendall(b"x")
            check = Site.check

            def refuse(site: Site, check: Callable[[Site], None] = check) -> None:
                if site.key == "a":
                    raise ConfigurationError("it cannot go on")
                check(site)

            with monkeypatch.context() as patched:
                patched.setattr(Site, "check", refuse)
                service.next = ("stays",)
                await service.reload()
            assert [*service.settings] == ["stays"], "what goes need not be able to go on"
            await until(lambda: "a" not in service.sockets(), "the end of its socket")
            # Its peer is still there, and the next one has the place.
            assert service.metrics.value("connections_open") == 1
            service.next = ("a", "stays")
            await service.reload()
            assert [*service.settings] == ["a", "stays"]
            assert service.metrics.value("connections_open") == 1
            served.resumeProducing()
        await until(lambda: len(service.served.all) == 2, "the end of the first")
        assert service.calls.count("closed a") == number
        assert service.metrics.totals()["connections_total"] == number
    await service.stopService()


async def test_a_stop_during_a_reload_is_no_refusal(tmp_path):
    """Nothing was refused, and not all stayed as it was: nothing of that is said."""
    service = started(tmp_path, "a")
    answer: Deferred[None] = Deferred()
    service.apply = lambda settings: answer  # type: ignore[method-assign, assignment]
    service.next = ("a", "b")
    with logged() as messages:
        reloading = service.reload()
        stopped = service.stopService()
        answer.callback(None)
        await reloading
        await stopped
        await until(lambda: service.sockets() == set(), "the end of the new site as well")
    assert not any("refused" in message for message in messages)


@pytest.mark.parametrize("ends", ["at once", "during the stop", "after the stop"])
async def test_a_stop_while_apply_goes_on_though_it_is_cancelled_leaves_nothing(
    tmp_path, monkeypatch, ends
):
    """It returns as if nothing had happened: the new settings are not used any more."""
    monkeypatch.setattr(stop, "DRAIN_SECONDS", 0.05)
    service = started(tmp_path, "a")
    waiting: list[Deferred[None]] = []

    async def apply(settings: Sequence[str]) -> None:
        while not waiting or waiting[-1].called:
            waiting.append(Deferred())
            try:
                await waiting[-1]
                break
            except CancelledError:
                if ends == "at once":
                    break

    service.apply = apply  # type: ignore[method-assign, assignment]
    service.next = ("a", "b")
    with logged() as messages:
        reloading = service.reload()
        assert service.sockets() == {"a", "b"}
        stopped = service.stopService()
        if ends == "during the stop":
            waiting[-1].callback(None)
        await stopped
        assert service.sockets() == set()
        if ends == "after the stop":
            waiting[-1].callback(None)
        await reloading
    assert service.sockets() == set() and service.settings == ("a",)
    assert service.calls.count("made b") == service.calls.count("closed b") == 1
    assert not any("reload" in message for message in messages)


async def test_peers_cut_off_by_a_reload_are_counted(tmp_path, monkeypatch):
    """A peer whose bytes nobody takes in keeps a listener that goes only for so long."""
    monkeypatch.setattr(reload, "DRAIN_SECONDS", 0.05)
    service = started(tmp_path, "a")
    with connect(tmp_path / "a") as peer:
        await until(lambda: service.metrics.value("connections_open") == 1, "the connection")
        service.recorded["a"].receiver.made[0].transport.pauseProducing()
        peer.sendall(b"x")
        service.next = ()
        with logged() as messages:
            await service.reload()
            await until(lambda: "closed a" in service.calls, "its end")
    assert "a was removed: 1 connection cut off" in messages
    with logged() as messages:
        await service.stopService()
    assert messages[-1] == "test: stopped, 1 connection cut off"
