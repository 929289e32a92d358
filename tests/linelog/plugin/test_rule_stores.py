"""A service with the stores of rules: opened, sorted into, changed, left behind, closed."""

import errno
import shutil
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.errors import StartError, StoreError
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.service import LoggerService
from logsrv.linelog.store.policy import Hold
from logsrv.linelog.store.store import Store
from tests.parts.logger_services import settings
from tests.parts.reactor import REACTOR, logged, until

QUERY = '[[retention]]\nname = "audit"\nmatch = "sshd"\nkeep-days = 365\n'
LISTENER = '[[retention]]\nname = "fw"\nlistener = "firewall"\nkeep-bytes = "1GiB"\n'


class Server:
    """A service whose file of settings a test changes."""

    def __init__(self, home: Path, rules: str, general: str = "") -> None:
        self.home, self.file, self.store = home, home / "logsrv.toml", home / "store"
        self.write(rules, general)
        self.service = LoggerService(self.settings(), load=self.settings, reactor=REACTOR)

    def settings(self) -> LoggerSettings:
        return settings("--config", str(self.file))

    def write(self, rules: str, general: str = "") -> None:
        self.file.write_text(
            f'directory = "{self.store}"\nlisten = "unix:{self.home}/s"\n{general}'
            f'[[listener]]\nlisten = "unix:{self.home}/fw"\nname = "firewall"\n{rules}'
        )

    async def send(self, *messages: str, to: str = "s") -> None:
        """Send lines, and wait until all that were sent are stored."""
        wanted = self.stored + len(messages)
        data = "".join(f"{one}\n" for one in messages).encode()
        await deferToThread(send, self.home / to, data)
        await until(lambda: self.stored == wanted, "the lines")

    @property
    def stored(self) -> int:
        return int(self.service.metrics.value("stored_lines_total"))

    async def reload(self, rules: str, general: str = "") -> list[str]:
        self.write(rules, general)
        with logged() as said:
            await self.service.reload()
        return said

    def lines(self, name: str = "") -> list[str]:
        place = self.store / "stores" / name if name else self.store
        text = (place / "current.log").read_text()
        return [line.split(" ", 2)[2] for line in text.splitlines()]


def send(path: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(data)


async def test_lines_go_to_the_stores_of_their_rules(tmp_path):
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    await server.send("x", "sshd 1", "y")
    await server.send("fw 1", "sshd 2", to="fw")
    sizes = {place: (server.store / "stores" / place / "current.log").stat().st_size
             for place in ("audit", "fw")}  # fmt: skip
    for name, size in sizes.items():
        assert server.service.metrics.value("rule_store_bytes", rule=name) == size > 0
    whole = server.service.metrics.value("store_bytes")
    assert whole == sum(sizes.values()) + (server.store / "current.log").stat().st_size
    await server.service.stopService()
    assert (server.lines(), server.lines("audit"), server.lines("fw")) == (
        ["x", "y"], ["sshd 1", "sshd 2"], ["fw 1"],
    )  # fmt: skip


async def test_without_rules_lines_go_to_the_store_itself(tmp_path):
    """Nothing stands between a listener and its store."""
    server = Server(tmp_path, "")
    server.service.startService()
    servers: Any = [site.server for site in server.service.sites]
    assert [one.intake.sink for one in servers] == [server.service.store] * 2
    await server.send("x", "sshd 1")
    await server.service.stopService()
    assert not (server.store / "stores").exists()


async def test_a_reload_adds_changes_and_removes_rules(tmp_path):
    server = Server(tmp_path, "")
    server.service.startService()
    await server.send("sshd 1")
    await server.reload(QUERY)
    await server.send("sshd 2")
    store = server.service.rule_stores.stores[0]
    assert store.policy.keep_days == 365
    await server.reload(QUERY.replace("365", "7").replace("sshd", "sudo"))
    assert store.policy.keep_days == 7
    await server.send("sshd 3", "sudo 1")
    said = await server.reload("", "keep-days = 1\n")
    assert any("stores/audit has no rule any more" in one for one in said)
    assert store.policy.keep_days == 7, "its lines are kept as the rule said"
    assert "stores/audit has no rule any more" in server.service.status()
    await server.send("sudo 2")
    await server.service.stopService()
    assert server.lines() == ["sshd 1", "sshd 3", "sudo 2"]
    assert server.lines("audit") == ["sshd 2", "sudo 1"]


async def test_a_store_keeps_its_lines_for_their_time_when_a_start_finds_no_rule(tmp_path):
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    await server.send("sshd 1")
    await server.service.stopService()
    again = Server(tmp_path, "", "keep-days = 1\n")
    again.service.startService()
    [store] = again.service.rule_stores.stores
    assert store.directory.name == "audit", "the other one has no lines"
    assert store.policy.keep_days == 365
    await again.service.stopService()


async def test_a_start_removes_nothing_by_the_general_limits(tmp_path, monkeypatch):
    """The thread that removes segments begins with the store, before anything else is told to it."""
    opened: dict[str, object] = {}
    open_store = Store.open

    def open_and_note(store: Store) -> None:
        opened[store.directory.name] = (store.policy.keep_days, store.policy.keep_bytes)
        open_store(store)

    monkeypatch.setattr(Store, "open", open_and_note)
    general = 'keep-days = 1\nkeep-bytes = "1MiB"\n'
    for rules in (QUERY + LISTENER, QUERY + LISTENER, QUERY):
        server = Server(tmp_path, rules, general)
        server.service.startService()
        await server.send("fw 1", to="fw")
        await server.service.stopService()
        assert opened.pop("store") == (1, 1 << 20)
        assert opened == {"audit": (365, None), "fw": (None, 1 << 30)}
        opened.clear()


async def test_what_a_target_lacks_is_kept_from_the_moment_a_store_opens(tmp_path, monkeypatch):
    """The target has not answered yet: its saved place tells what it has."""
    server, lacking = Server(tmp_path, QUERY), [Hold("centre", 7, 1 << 20)]
    monkeypatch.setattr(server.service.parts, "holds_of_rule_store", lambda *_: lacking)
    told: list[tuple[str, object]] = []
    hold, open_store = Store.hold, Store.open

    def hold_and_note(store: Store, holds: Sequence[Hold]) -> None:
        told.append((store.directory.name, holds))
        hold(store, holds)

    def open_and_note(store: Store) -> None:
        told.append((store.directory.name, "open"))
        open_store(store)

    monkeypatch.setattr(Store, "hold", hold_and_note)
    monkeypatch.setattr(Store, "open", open_and_note)
    server.service.startService()
    assert [one for name, one in told if name == "audit"] == [lacking, "open"]
    await server.service.stopService()


async def test_without_its_note_a_store_without_a_rule_keeps_all(tmp_path):
    server = Server(tmp_path, QUERY)
    server.service.startService()
    await server.send("sshd 1")
    await server.service.stopService()
    (server.store / "stores" / "audit" / "keep").unlink()
    again = Server(tmp_path, "", "keep-days = 1\n")
    with logged() as said:
        again.service.startService()
    [store] = again.service.rule_stores.stores
    assert store.policy.keep_days is None
    assert any("does not say how long" in one for one in said)
    await again.service.stopService()


async def test_a_store_that_cannot_be_made_refuses_the_reload(tmp_path):
    """The old rules go on."""
    server = Server(tmp_path, QUERY)
    server.service.startService()
    (server.store / "stores" / "fw").write_text("a file")
    said = await server.reload(QUERY.replace("sshd", "sudo") + LISTENER)
    assert any("reload refused" in one for one in said)
    await server.send("sshd 1", "sudo 1")
    await server.service.stopService()
    assert server.lines("audit") == ["sshd 1"] and server.lines() == ["sudo 1"]


async def test_a_store_that_cannot_be_made_refuses_the_start(tmp_path):
    server = Server(tmp_path, QUERY)
    (server.store / "stores").mkdir(parents=True)
    (server.store / "stores" / "audit").write_text("a file")
    with pytest.raises(StartError, match="stores/audit"):
        server.service.startService()
    # The next start does not take this one for killed.
    await until(lambda: (server.store / "lock").read_text() == "", "the end of the main store")
    await server.service.stopService()


async def test_a_listener_with_another_name_has_another_rule(tmp_path):
    server = Server(tmp_path, LISTENER)
    server.service.startService()
    server.write(LISTENER)
    text = server.file.read_text().replace('name = "firewall"', 'name = "other"')
    server.file.write_text(
        text.replace(
            "[[retention]]",
            f'[[listener]]\nlisten = "unix:{tmp_path}/n"\nname = "firewall"\n[[retention]]',
        )
    )
    await server.service.reload()
    await server.send("a", to="fw")
    await server.send("b", to="n")
    await server.service.stopService()
    assert (server.lines(), server.lines("fw")) == (["a"], ["b"])


@pytest.mark.parametrize("of", ["main", "fw"])
async def test_a_copied_store_is_named_and_has_no_identity_for_targets(tmp_path, of):
    """A target would take the lines of one for those of the other; which one is the copy, nobody knows.

    But the main store is none of a store in it.
    """
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    await server.service.stopService()
    audit = server.store / "stores" / "audit"
    original = server.store if of == "main" else server.store / "stores" / "fw"
    shutil.copy(audit / "store", audit / "own")
    shutil.copy(original / "store", audit / "store")
    again = Server(tmp_path, QUERY + LISTENER)
    with logged() as said:
        again.service.startService()
    found = {one.rule: bool(one.identity()) for one in again.service.rule_stores.contexts}
    assert again.service.store.identity and found == {"audit": False, "fw": of == "main"}
    [why] = [one for one in said if "the same identity" in one]
    assert str(audit) in why and str(original) in why and "logsrv ship --new-identity" in why
    # A reload says nothing new; lines are stored.
    assert not any("the same identity" in one for one in await again.reload(QUERY + LISTENER))
    await again.send("sshd 1")
    await again.service.stopService()
    (audit / "own").rename(audit / "store")
    last = Server(tmp_path, QUERY + LISTENER)
    with logged() as said:
        last.service.startService()
    assert not any("the same identity" in one for one in said)
    assert {bool(one.identity()) for one in last.service.rule_stores.contexts} == {True}
    await last.service.stopService()


async def test_a_copy_that_a_reload_finds_is_named(tmp_path):
    server = Server(tmp_path, QUERY)
    server.service.startService()
    await server.send("sshd 1")
    shutil.copytree(server.store / "stores" / "audit", server.store / "stores" / "fw")
    (server.store / "stores" / "fw" / "lock").unlink()
    said = await server.reload(QUERY + LISTENER)
    assert len([one for one in said if "the same identity" in one]) == 1
    assert [one.identity() for one in server.service.rule_stores.contexts] == ["", ""]
    await server.service.stopService()


async def test_a_fault_names_the_store_of_its_rule(tmp_path, monkeypatch):
    server = Server(tmp_path, QUERY)
    server.service.startService()
    [store] = server.service.rule_stores.stores
    monkeypatch.setattr(store, "troubles", lambda: {"remove": "no permission"})
    assert server.service.unhealthy() == [
        "stores/audit: old segments cannot be removed: no permission"
    ]
    assert server.service.metrics.value("store_trouble", kind="remove") == 1
    await server.service.stopService()


async def test_the_log_names_the_store_of_a_fault(tmp_path, monkeypatch):
    """With fifty rules nobody would know where to look."""
    server = Server(tmp_path, QUERY)
    server.service.startService()
    [store] = server.service.rule_stores.stores

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with logged() as said:
        with monkeypatch.context() as full:
            full.setattr(store.disk, "writev", fail)
            await deferToThread(send, tmp_path / "s", b"sshd 1\n")
            fault = "stores/audit: the store cannot write, senders are paused: No space left"
            await until(lambda: any(fault in one for one in said), "the fault")
        over = "stores/audit: the store is writing again"
        await until(lambda: any(over in one for one in said), "its end")
    warned = await server.reload(QUERY.replace("keep-days = 365", "keep-bytes = 100"))
    assert any(
        "stores/audit: keep-bytes (100 bytes) is less than --rotate" in one for one in warned
    )
    await server.service.stopService()


async def test_a_rule_that_comes_back_has_its_store_again(tmp_path):
    """As if it had never been away, for the lines, the status, and a later start without it."""
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    await server.send("sshd 1")
    said = await server.reload("")
    assert "stores/audit has no rule any more" in server.service.status()
    said += await server.reload(QUERY.replace("365", "7"))
    assert "stores/audit" not in server.service.status()
    assert "stores/fw has no rule any more" in server.service.status()
    await server.send("sshd 2")
    said += await server.reload(LISTENER)
    # An open store is not opened a second time.
    assert not [one for one in said if "nothing is removed from it" in one]
    await server.service.stopService()
    assert server.lines("audit") == ["sshd 1", "sshd 2"]
    again = Server(tmp_path, "")
    again.service.startService()
    [store] = again.service.rule_stores.stores
    assert store.policy.keep_days == 7
    await again.service.stopService()


async def test_a_rule_by_listener_takes_what_no_earlier_rule_has_taken(tmp_path):
    """The order of the rules counts, also when a reload changes nothing else."""
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    await server.send("sshd 1", "x", to="fw")
    await server.reload(LISTENER + QUERY)
    await server.send("sshd 2", "y", to="fw")
    await server.service.stopService()
    assert server.lines("audit") == ["sshd 1"]
    assert server.lines("fw") == ["x", "sshd 2", "y"] and server.lines() == []


async def test_a_refused_reload_leaves_no_store_open(tmp_path, monkeypatch):
    """The one that it had opened before another failed: the next reload opens it, once it is closed.

    Its threads take a moment to end. Another reload at once does not find it in use by this process.
    """
    close = Store.close
    monkeypatch.setattr(Store, "close", lambda store: deferLater(REACTOR, 0.05, close, store))
    server = Server(tmp_path, "")
    server.service.startService()
    wrong = server.store / "stores" / "fw"
    wrong.parent.mkdir()
    wrong.write_text("a file")
    for _ in range(2):
        said = await server.reload(QUERY + LISTENER)
        assert [one for one in said if "reload refused" in one and "stores/fw" in one]
        assert server.service.rule_stores.stores == []
    wrong.unlink()
    assert not any("refused" in one for one in await server.reload(QUERY + LISTENER))
    await server.send("sshd 1")
    await server.service.stopService()
    assert server.lines("audit") == ["sshd 1"]


async def test_a_reload_waits_for_each_store_that_a_refused_one_had_opened(tmp_path, monkeypatch):
    """They close one after the other: the second still has its lock when the first is closed."""
    close, closed = Store.close, []
    asked: set[str] = set()
    begun: dict[str, Deferred[object]] = {"audit": Deferred(), "web": Deferred()}

    def close_later(store: Store) -> Deferred[None]:
        name = store.directory.name
        asked.add(name)
        closing = begun.get(name, succeed(None)).addCallback(lambda _: close(store))
        return closing.addCallback(lambda _: closed.append(name))

    rules = QUERY + '[[retention]]\nname = "web"\nmatch = "nginx"\nkeep-days = 7\n' + LISTENER
    server = Server(tmp_path, "")
    server.service.startService()
    wrong = server.store / "stores" / "fw"
    wrong.parent.mkdir()
    wrong.write_text("a file")
    with monkeypatch.context() as patched:
        patched.setattr(Store, "close", close_later)
        assert any("reload refused" in one for one in await server.reload(rules))
        await until(lambda: asked == {"audit", "web"}, "both stores are to be closed")
    wrong.unlink()
    with logged() as said:
        reloading = server.service.reload()
        begun["audit"].callback(None)
        await until(lambda: closed == ["audit"], "the first store is closed")
        begun["web"].callback(None)
        await reloading
    assert not [one for one in said if "refused" in one]
    await server.send("nginx 1")
    await server.service.stopService()
    assert server.lines("web") == ["nginx 1"]


async def test_a_stop_waits_for_stores_that_a_refused_reload_had_opened(tmp_path, monkeypatch):
    """Otherwise the next start would find the lock of a process that was killed."""
    close, closed = Store.close, []

    def close_later(store: Store) -> Deferred[None]:
        late = 0.2 if store.directory.name == "audit" else 0.0
        closing = deferLater(REACTOR, late, close, store)
        return closing.addCallback(lambda _: closed.append(store.directory.name))

    monkeypatch.setattr(Store, "close", close_later)
    server = Server(tmp_path, "")
    server.service.startService()
    (server.store / "stores").mkdir()
    (server.store / "stores" / "fw").write_text("a file")
    await server.reload(QUERY + LISTENER)
    assert closed == []
    # A reload that waits for it is cancelled by the stop.
    server.write(QUERY)
    waiting = server.service.reload()
    await server.service.stopService()
    await waiting
    assert sorted(closed) == ["audit", "store"]


async def test_each_store_begins_a_new_file_when_the_server_is_told_so(tmp_path):
    """As logrotate does it, in any of them."""
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    places = [server.store, *(server.store / "stores" / name for name in ("audit", "fw"))]
    for place in places:
        (place / "current.log").rename(place / "away.log")
    await server.reload(QUERY + LISTENER)
    await until(lambda: all((one / "current.log").exists() for one in places), "the new files")
    await server.service.stopService()


def left_of_stores() -> list[str]:
    """The threads and timers of open stores."""
    timers = [str(one) for one in REACTOR.getDelayedCalls() if "HangLog" in str(one)]
    return timers + [one.name for one in threading.enumerate() if one.name.startswith("store-")]


async def test_a_server_that_stops_ends_what_each_store_has_begun(tmp_path):
    """Also of a store whose rule is gone."""
    before = len(left_of_stores())
    server = Server(tmp_path, QUERY + LISTENER, "columns = true\n")
    server.service.startService()
    await server.send("sshd 1")
    await server.send("x", to="fw")
    await server.reload(LISTENER, "columns = true\n")
    await server.service.stopService()
    await until(lambda: len(left_of_stores()) <= before, "the end of all")


async def test_a_stop_waits_for_each_store_though_one_fails_to_close(tmp_path, monkeypatch):
    """What another has still to write is written before the process ends."""
    server = Server(tmp_path, QUERY + LISTENER)
    server.service.startService()
    [first, second] = server.service.rule_stores.stores
    close, close_second = first.close, second.close
    steps: list[str] = []
    written: Deferred[None] = Deferred()

    async def close_in_vain() -> None:
        await close()
        steps.append("failed")
        raise StoreError("no space")

    async def close_later() -> None:
        await close_second()
        await written
        steps.append("written")

    monkeypatch.setattr(first, "close", lambda: Deferred.fromCoroutine(close_in_vain()))
    monkeypatch.setattr(second, "close", lambda: Deferred.fromCoroutine(close_later()))
    with logged() as said:
        stopping = server.service.stopService()
        stopping.addBoth(lambda _: steps.append("stopped"))
        await until(lambda: steps, "the failure")
        # A turn of the reactor.
        await deferLater(REACTOR, 0)
        written.callback(None)
        await stopping
    assert steps == ["failed", "written", "stopped"]
    assert any("no space" in one for one in said)
