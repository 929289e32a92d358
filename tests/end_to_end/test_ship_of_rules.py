"""A real daemon ships the stores of its rules with the main one: each line of each store arrives once."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import attrs
import pytest

from logsrv.cli.main import main
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import metrics, statuses
from tests.parts.daemons import LOOPBACK, Logger, Start, reload
from tests.parts.http_servers import LineReceiver, receiving
from tests.parts.nats_servers import newer, one_server, url_of
from tests.parts.ports import free_port
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow

AUDIT = '[[retention]]\nname = "audit"\nmatch = "audit"\nkeep-days = 365\n'
FIREWALL = '[[retention]]\nname = "fw"\nmatch = "firewall"\nkeep-days = 30\n'
KINDS = ("audit", "firewall", "plain")
DEADLINE = 2 * PATIENCE


@attrs.define(eq=False)
class Machines:
    """An edge with rules, and a centre that takes blocks; each may be killed or away."""

    start: Start
    home: Path
    port: int = attrs.field(factory=free_port)
    sent: int = 0
    edge: Logger = attrs.field(init=False)
    centre: Logger = attrs.field(init=False)

    @property
    def to_centre(self) -> str:
        """The table of the centre as a target."""
        url = f"http://127.0.0.1:{self.port}/blocks"
        return f'[[ship]]\nname = "centre"\nship = "{url}"\nship-token-file = "{self.token}"\n'

    @property
    def token(self) -> Path:
        return self.home / "token"

    @property
    def store(self) -> Path:
        return self.home / "edge" / "store"

    def write(self, *parts: str, general: str = "") -> None:
        """Write the edge's settings."""
        self.token.write_text("geheim")
        self.token.chmod(0o600)
        (self.home / "edge.toml").write_text(
            f'rotate-size = "64KiB"\nhttp = "{LOOPBACK}"\n{general}' + "".join(parts)
        )

    def start_edge(self) -> None:
        (self.home / "edge").mkdir(exist_ok=True)
        config = ("--config", str(self.home / "edge.toml"))
        self.edge = self.start(*config, directory=self.home / "edge")

    def start_centre(self) -> None:
        (self.home / "centre").mkdir(exist_ok=True)
        listen = f"blocks:tcp:{self.port}:interface=127.0.0.1"
        self.centre = self.start(
            "--input-token", "geheim", listen=[listen], directory=self.home / "centre"
        )

    def reload(self, *parts: str, general: str = "") -> None:
        self.write(*parts, general=general)
        reload(self.edge)

    def send(self, count: int, kinds: Sequence[str] = KINDS) -> None:
        """Send lines of each kind in turns, numbered on; do not wait for them."""
        lines = [f"{kinds[n % len(kinds)]} <{self.sent + n}>\n" for n in range(count)]
        self.sent += count
        self.edge.send("".join(lines).encode())

    def send_and_wait(self, count: int, kinds: Sequence[str] = KINDS) -> None:
        begin = self.sent
        self.send(count, kinds)
        wanted = {b"<%d>" % number for number in range(begin, self.sent)}

        def are_stored() -> bool:
            lines = (one for lines in self.stored().values() for one in lines)
            return wanted <= {one.rpartition(b" ")[2] for one in lines}

        self.edge.wait_until(are_stored, "the lines")

    def stored(self) -> dict[str, list[bytes]]:
        """Return the lines of each store of the edge."""
        places = {"": self.store}
        places |= {one.name: one for one in (self.store / "stores").glob("*")}
        return {name: stored_bytes(place).splitlines() for name, place in places.items()}

    def at_centre(self) -> list[bytes]:
        return stored_bytes(self.home / "centre" / "store").splitlines()

    def wait_for_centre(self) -> None:
        """Wait until the centre has as many lines as all stores here; then each once, in its order."""
        wait_until(
            lambda: len(self.at_centre()) >= sum(map(len, self.stored().values())),
            "the lines at the centre",
            DEADLINE,
        )
        there = self.at_centre()
        assert not {one: many for one, many in Counter(there).items() if many > 1}, "doubled"
        for name, lines in self.stored().items():
            wanted = {*lines}
            assert [one for one in there if one in wanted] == lines, f"of the store {name!r}"
        assert len(there) == sum(map(len, self.stored().values()))

    def stop(self) -> None:
        for one in (self.edge, self.centre):
            assert one.stop() in (0, -signal.SIGTERM)


@pytest.fixture
def machines(logger, tmp_path: Path) -> Machines:
    return Machines(logger, tmp_path)


@pytest.fixture
def receiver() -> Iterator[LineReceiver]:
    with receiving() as found:
        yield found


def lines_of(url: str) -> str:
    return f'[[ship]]\nname = "lines"\nship = "{url}"\n'


def messages_of(lines: Sequence[bytes]) -> list[str]:
    return [one.split(b" ", 2)[2].decode() for one in lines]


def assert_taken_once(receiver: LineReceiver, machines: Machines) -> None:
    """The receiver of lines gets all of each store, in its order."""
    stored = machines.stored()
    count = sum(map(len, stored.values()))
    wait_until(lambda: len(receiver.messages) >= count, "the lines at the receiver", DEADLINE)
    assert len(receiver.messages) == len({*receiver.messages}) == count
    for lines in stored.values():
        wanted = dict.fromkeys(messages_of(lines))
        assert [one for one in receiver.messages if one in wanted] == [*wanted]


def test_two_targets_get_the_lines_of_all_stores_while_rules_come_and_go(machines, receiver):
    targets = (machines.to_centre, lines_of(receiver.url))
    machines.write(AUDIT, *targets)
    machines.start_centre()
    machines.start_edge()
    machines.send_and_wait(3000)
    machines.send(6000)
    # While these are shipped.
    machines.reload(AUDIT, FIREWALL, *targets)
    machines.send_and_wait(3000)
    machines.reload(FIREWALL, *targets)
    machines.send_and_wait(3000)
    machines.wait_for_centre()
    assert_taken_once(receiver, machines)
    found = machines.stored()
    assert {*found} == {"", "audit", "fw"} and min(map(len, found.values())) >= 1000
    machines.edge.wait_until(
        lambda: {one["lag_lines"] for one in statuses(machines.edge)} == {0}, "the places"
    )
    each = {(one["rule"], one["name"]): one for one in statuses(machines.edge)}
    assert {*each} == {(rule, to) for rule in ("", "audit", "fw") for to in ("centre", "lines")}
    assert all(one["up"] for one in each.values())
    counted = metrics(machines.edge, 1)
    for target in ("centre", "lines"):
        assert counted[f'ship_sent_lines_total{{target="{target}"}}'] == len(found[""])
        for rule in ("audit", "fw"):
            sent = f'ship_sent_lines_total{{rule="{rule}",target="{target}"}}'
            assert counted[sent] == len(found[rule])
    machines.edge.wait_for_log(r"ship centre \(stores/audit\): exactly once")
    machines.stop()


@pytest.mark.long
@pytest.mark.minutes(5)
@pytest.mark.complains("the process was ended by SIGKILL")
def test_kills_of_the_edge_the_centre_and_both_at_once_double_and_lose_nothing(machines, receiver):
    machines.write(AUDIT, FIREWALL, machines.to_centre, lines_of(receiver.url))
    machines.start_centre()
    machines.start_edge()
    for whom in ("edge", "centre", "both", "edge"):
        before = len(machines.at_centre())
        machines.send(9000)
        wait_until(lambda: len(machines.at_centre()) > before, "some lines there", DEADLINE)  # noqa: B023
        for one in ("centre", "edge"):
            if whom in (one, "both"):
                daemon = getattr(machines, one)
                daemon.send_signal(signal.SIGKILL)
                daemon.wait(PATIENCE)
        # Lines wait in all stores of an edge whose centre is away.
        if whom == "centre":
            machines.send_and_wait(300)
        for one in ("centre", "edge"):
            if whom in (one, "both"):
                getattr(machines, f"start_{one}")()
    machines.send_and_wait(300)
    machines.wait_for_centre()
    # Lines that had no answer at a kill of the edge come again.
    wanted = {one for lines in machines.stored().values() for one in messages_of(lines)}
    wait_until(lambda: {*receiver.messages} >= wanted, "all lines", DEADLINE)
    for lines in machines.stored().values():
        of_store = dict.fromkeys(messages_of(lines))
        first = dict.fromkeys(one for one in receiver.messages if one in of_store)
        assert [*first] == [*of_store]
    machines.stop()


@pytest.mark.complains("the process was ended by SIGKILL")
def test_from_the_end_on_a_store_that_a_reload_makes_is_shipped_from_its_first_line(machines):
    """Though the centre is away, and the edge is killed before it has been asked once."""
    machines.write()
    machines.start_edge()
    machines.send_and_wait(30)
    from_end = f'{machines.to_centre}ship-from = "end"\n'
    machines.reload(from_end)
    wait_until(lambda: (machines.store / "ship" / "centre").exists(), "the place")
    old = machines.stored()[""]
    machines.reload(AUDIT, from_end)
    machines.send_and_wait(300, ("audit",))
    machines.edge.send_signal(signal.SIGKILL)
    machines.edge.wait(PATIENCE)
    machines.start_edge()
    machines.send_and_wait(30)
    machines.start_centre()
    stored = machines.stored()
    count = sum(map(len, stored.values())) - len(old)
    wait_until(lambda: len(machines.at_centre()) >= count, "the lines", DEADLINE)
    new = [*stored[""][len(old) :], *stored["audit"]]
    assert sorted(machines.at_centre()) == sorted(new)
    machines.stop()


@pytest.mark.complains("the process was ended by SIGKILL")
def test_a_removed_rule_leaves_lines_that_go_on_being_shipped(machines):
    """Over a reload, a stop and a kill; the status says how many wait."""
    machines.write(AUDIT, machines.to_centre)
    machines.start_edge()
    machines.send_and_wait(300)
    machines.reload(machines.to_centre)
    machines.send_and_wait(30)
    waiting = len(machines.stored()["audit"])
    assert waiting == 100

    def lag() -> object:
        return {one["rule"]: one["lag_lines"] for one in statuses(machines.edge)}.get("audit")

    machines.edge.wait_until(lambda: lag() == waiting, "the lag")
    machines.edge.wait_for_log("still shipped to targets")
    machines.edge.stop()
    machines.start_edge()
    machines.edge.send_signal(signal.SIGKILL)
    machines.edge.wait(PATIENCE)
    machines.start_edge()
    machines.start_centre()
    machines.wait_for_centre()
    machines.edge.wait_until(lambda: lag() == 0, "no lag")
    machines.stop()


@pytest.mark.complains("were removed from the store", "before all of its lines were shipped to")
@pytest.mark.parametrize("most", ["10MiB", "1"])
def test_retention_keeps_what_a_target_lacks_in_each_store(machines, most):
    """As in the main store: up to --ship-at-most; what goes unsent is a gap, counted for its store."""
    # Less than all segments take once they are packed: retention may look after that only.
    rule = AUDIT.replace("keep-days = 365", 'keep-bytes = "8KiB"')
    target = f'{machines.to_centre}ship-at-most = "{most}"\n'
    machines.write(rule, target)
    machines.start_edge()
    machines.edge.wait_for_log(r"ship centre \(stores/audit\): it takes nothing")
    sent: list[bytes] = []
    for _ in range(4):
        machines.send(6000, ("audit",))
        machines.edge.wait_until(
            lambda: metrics_of_store(machines.edge, "stored_lines_total") == machines.sent, "them"
        )
    place = machines.store / "stores" / "audit"
    machines.edge.wait_until(lambda: not [*place.glob("*.log")][1:], "all sealed")
    if most == "1":
        # If the look after the last seal came too early, retention looks again after a minute.
        machines.edge.wait_until(
            lambda: stored_bytes(place).count(b"\n") < machines.sent, "some removed", 2 * PATIENCE
        )
    else:
        sent = stored_bytes(place).splitlines()
        assert len(sent) == machines.sent
    machines.start_centre()
    machines.edge.wait_until(
        lambda: {one["lag_lines"] for one in statuses(machines.edge)} == {0}, "the lines there"
    )
    there = machines.at_centre()
    assert len({*there}) == len(there)
    gone = metrics(machines.edge, 1).get('ship_gap_lines_total{rule="audit",target="centre"}', 0)
    if most == "1":
        assert gone > 0 and len(there) + gone == machines.sent
    else:
        assert there == sent and not gone
    machines.stop()


def metrics_of_store(server: Logger, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{server.ports()[1]}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    return float(
        next(one for one in text.splitlines() if one.startswith(f"logsrv_{name} ")).split()[1]
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_a_full_disk_of_one_store_loses_and_doubles_nothing_of_either(
    machines, receiver, small_disk
):
    """Senders wait while the disk of one store is full; what the other has is shipped meanwhile."""
    machines.write(AUDIT, machines.to_centre, lines_of(receiver.url))
    (machines.store / "stores").mkdir(parents=True)
    (machines.store / "stores" / "audit").symlink_to(small_disk)
    machines.start_centre()
    machines.start_edge()
    machines.send_and_wait(300)
    machines.wait_for_centre()
    room = os.statvfs(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (room.f_bavail * room.f_bsize - (16 << 10)))
    machines.send(9000)
    machines.edge.wait_for_log("No space left on device")
    plain = lambda: [one for one in machines.at_centre() if b"plain" in one]  # noqa: E731
    wait_until(lambda: len(plain()) > 100, "lines of the main store")
    ballast.unlink()
    machines.edge.wait_for_log("writing again")
    machines.edge.wait_until(
        lambda: sum(map(len, machines.stored().values())) == machines.sent, "the lines", DEADLINE
    )
    machines.wait_for_centre()
    assert_taken_once(receiver, machines)
    machines.stop()


def test_what_the_centre_has_of_the_stores_is_found_there_as_one(machines, capsys):
    """A centre keeps the blocks of all stores in its main store, each with the line's time and source."""
    machines.write(AUDIT, machines.to_centre)
    machines.start_centre()
    machines.start_edge()
    machines.send_and_wait(300)
    machines.wait_for_centre()
    place = str(machines.home / "centre" / "store")
    assert main(["search", "--directory", place, "--count", "audit"]) == 0
    assert capsys.readouterr().out.split() == ["100"]
    machines.stop()


def test_a_stream_has_a_subject_for_each_store(machines, logger):
    """A centre that fetches from it has all of them once."""
    with one_server(newer(), machines.home) as server:
        url = url_of([server])
        machines.write(AUDIT, FIREWALL, f'[[ship]]\nname = "stream"\nship = "{url}"\n')
        machines.start_edge()
        machines.send_and_wait(3000)
        (machines.home / "centre").mkdir()
        listen = f"nats:{url.removeprefix('nats://')}"
        machines.centre = logger(listen=[listen], directory=machines.home / "centre")
        machines.send_and_wait(300)
        machines.wait_for_centre()
        machines.stop()
