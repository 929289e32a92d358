"""The process of a target by itself, with the test in the daemon's place."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.orders import encode_orders, make_orders
from logsrv.linelog.ship.reports import (
    LagMeasured,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    Trouble,
    decode_report,
)
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.target_processes import MODULE
from logsrv.linelog.store import identity
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position
from tests.parts.child_processes import RealChild, real_child
from tests.parts.http_servers import LineReceiver, receiving
from tests.parts.stores import line, make_store

pytestmark = pytest.mark.slow

STORE = "78" * 16


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = make_store(tmp_path / "store", [[line("one")], [line("two"), line("three")]])
    disk = Disk().open_directory(made)
    identity.make_identity(disk, Position(1, 0), lambda size: b"x" * size)
    disk.close()
    return made


@pytest.fixture
def receiver() -> Iterator[LineReceiver]:
    with receiving() as found:
        yield found


def child(store: Path, url: str, **given: object) -> AbstractContextManager[RealChild]:
    """The process of the target `a`."""
    settings = ShipSettings(ship=parse_ship_url(url), name="a", **given)  # type: ignore[arg-type]
    orders = attrs.evolve(make_orders(settings), directory=str(store), store=STORE)
    return real_child(MODULE, encode_orders(orders), decode_report)


def state(store: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((store / "ship" / "a.json").read_text())
    return found


def test_it_sends_what_is_there_and_what_comes(store, receiver):
    with child(store, receiver.url) as talk:
        assert "at least once" in talk.of(TargetUp).promise
        with (store / "current.log").open("ab") as file:
            file.write(line("four"))
        end = Position(2, (store / "current.log").stat().st_size)
        talk.report(lambda report: isinstance(report, TextAcknowledged) and report.position == end)
        lag = talk.report(lambda one: isinstance(one, LagMeasured) and one.position == end)
        assert lag.bytes == 0
        assert receiver.messages == ["one", "two", "three", "four"]
        assert os.getpriority(os.PRIO_PROCESS, talk.process.pid) >= 10
        wait_until(lambda: state(store)["up"] is True, "its state")


def test_it_keeps_its_place_when_it_is_told_to_end(store, receiver):
    with child(store, receiver.url) as talk:
        talk.of(TargetUp)
        talk.end()
        assert talk.process.wait(PATIENCE) == 0
    assert state(store)["up"] is None
    with (store / "current.log").open("ab") as file:
        file.write(line("four"))
    with child(store, receiver.url) as talk:
        talk.of(TargetUp)
    assert receiver.messages == ["one", "two", "three", "four"]


def test_it_leaves_the_signals_that_all_processes_get_to_the_daemon(store, receiver):
    with child(store, receiver.url) as talk:
        talk.of(TargetUp)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            talk.process.send_signal(number)
        talk.of(LagMeasured)
        assert talk.process.poll() is None


def test_it_says_why_nothing_is_taken_and_how_much_waits(store, receiver):
    # A 503 is reported only after ten seconds.
    receiver.status = 500
    with child(store, receiver.url) as talk:
        assert "500" in talk.of(TargetDown).why
        assert talk.of(LagMeasured).lines == 3
        wait_until(lambda: "500" in str(state(store)["error"]), "its state")
        assert state(store)["up"] is False
        receiver.status = 200
        talk.of(TargetUp)
    assert receiver.messages == ["one", "two", "three"]


@pytest.mark.parametrize(("began", "sent"), [("1:0", 3), ("2:0", 2), (f"2:{len(line('two'))}", 1)])
def test_a_store_with_another_identity_is_sent_from_there_on(store, receiver, began, sent):
    (store / "store").write_text(json.dumps({"store": STORE, "began": began}) + "\n")
    with child(store, receiver.url) as talk:
        talk.of(TargetUp)
    assert len(receiver.messages) == sent


def test_a_store_that_is_gone_is_a_sentence_and_a_status(tmp_path):
    with child(tmp_path / "no", "ndjson+http://127.0.0.1:9") as talk:
        assert talk.process.wait(PATIENCE) == 1
        assert talk.process.stderr is not None
        said = talk.process.stderr.read().decode()
    assert said.count("\n") == 1 and str(tmp_path / "no") in said


def test_what_keeps_it_from_beginning_is_seen_in_its_state(store):
    """What only the target's own module knows."""
    (store / "token").write_text("geheim\n")
    url = "nats://127.0.0.1:9/LOGS?api=no..prefix"
    with child(store, url, ship_token_file=store / "token") as talk:
        assert talk.process.wait(PATIENCE) == 1
        assert talk.process.stderr is not None
        said = talk.process.stderr.read().decode()
    assert said.count("\n") == 1 and "geheim" not in said
    assert str(state(store)["error"]) in said and state(store)["up"] is False


def test_a_state_that_could_not_be_written_is_written_later(store, receiver):
    """A disk was full: afterwards nobody is to read what was true before."""
    (store / "ship" / "a.json").mkdir(parents=True)
    with child(store, receiver.url) as talk:
        assert "its state cannot be written" in talk.of(Trouble).why
        (store / "ship" / "a.json").rmdir()
        wait_until((store / "ship" / "a.json").is_file, "its state")
        assert state(store)["up"] is True
