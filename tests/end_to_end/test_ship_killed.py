"""Each line arrives over kills of the daemons, the shipper, NATS servers, their leader and the network.

    LOGSRV_KILLS=100 pytest -s -m '' tests/end_to_end/test_ship_killed.py

kills each of them 100 times, under load, with restarts, rotation, sealing and retention on both sides. Then
all bytes that either store ever had are compared.
"""

import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.ship_killed import Load, Network, Witness, compared
from tests.parts.daemons import Logger, Start
from tests.parts.nats_servers import NatsServer, cluster, leader, newer
from tests.parts.ports import free_port
from tests.parts.waits import join

KILLS = int(os.environ.get("LOGSRV_KILLS", "2"))
CHILD = "ship.ship_child"
ROTATING = ("--rotate-size", "256KiB", "--keep-bytes", "1MiB")
DEADLINE = 4 * PATIENCE
END = b"<the last one>"

pytestmark = pytest.mark.complains("the process was ended by SIGKILL")


@attrs.define(eq=False)
class Way:
    """An edge that ships to a centre, and the parts that can be killed."""

    start: Start
    home: Path
    to: Sequence[str]
    listen: str
    networks: Sequence[Network]
    servers: Sequence[NatsServer] = ()
    daemons: dict[str, Logger] = attrs.field(factory=dict)
    _chance: random.Random = attrs.field(factory=random.Random)

    def begin(self, name: str) -> None:
        """Start a daemon, "edge" or "centre", after the one before has ended."""
        listen = {} if name == "edge" else {"listen": [self.listen]}
        options = self.to if name == "edge" else ("--input-token", "geheim")
        (self.home / name).mkdir(exist_ok=True)
        self.daemons[name] = self.start(*ROTATING, *options, directory=self.home / name, **listen)

    def kill(self, what: str) -> None:
        """Kill a part, and start it again if it does not restart by itself."""
        match what:
            case "shipper":
                edge = self.daemons["edge"]
                os.kill(edge.wait_until(lambda: edge.child(CHILD), "the shipper"), signal.SIGKILL)
            case "edge" | "centre":
                self.daemons[what].send_signal(signal.SIGKILL)
                self.daemons[what].wait(PATIENCE)
                self.begin(what)
            case "network":
                self._cut()
            case "leader" | "server":
                leads = wait_until(lambda: leader(self.servers), "a leader", DEADLINE)
                others = [one for one in self.servers if one is not leads]
                server = leads if what == "leader" else self._chance.choice(others)
                server.kill()
                server.start()
                server.wait()

    def _cut(self) -> None:
        """Break all connections; in half of the cases while an answer is on its way."""
        if self._chance.random() < 0.5:
            for one in self.networks:
                one.deaf.set()
            with contextlib.suppress(AssertionError):
                wait_until(lambda: any(one.swallowed.is_set() for one in self.networks), "it", 2)
        for one in self.networks:
            one.cut()

    def killed(self, victims: Sequence[str]) -> tuple[bytes, bytes]:
        """Kill these in turns; return all text of the edge, and all text of the centre."""
        near, far = (
            Witness(self.home / name / "store", self.home / f"{name}.kept")
            for name in ("edge", "centre")
        )
        for name in "centre", "edge":
            self.begin(name)
        load = Load(lambda: self.daemons["edge"], near, far)
        for thread in near, far, load:
            thread.start()
        try:
            for _ in range(KILLS):
                for what in victims:
                    size = far.size() + self._chance.randint(1, 300_000)
                    self._until(lambda: far.size() >= size, f"lines, before a kill of {what}")  # noqa: B023
                    self.kill(what)
        finally:
            load.ended.set()
            join(load)
        self.daemons["edge"].send(END + b"\n")
        self._until(lambda: far.ends_with(END), "the last line")
        removed = [one.removed() for one in (near, far)]
        for one in self.daemons.values():
            assert one.stop() in (0, -signal.SIGTERM)
        texts = near.text(), far.text()
        assert KILLS < 10 or min(removed) > 0, "retention had nothing to do"
        print(
            f"\n{' '.join(f'{KILLS} {what}' for what in victims)}: {len(texts[0]):,} bytes sent,"
            f" {len(texts[1]):,} stored, removed segments {removed}"
        )
        return texts

    def _until(self, look: Callable[[], bool], what: str) -> None:
        self.daemons["edge"].wait_until(look, what, DEADLINE)


@contextlib.contextmanager
def networks(ports: Sequence[int]) -> Iterator[list[Network]]:
    """Run a forwarder for each port."""
    found = [Network(port) for port in ports]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            one.close()


@pytest.mark.long
@pytest.mark.minutes(10)
def test_each_line_in_blocks_arrives_once_over_kills(logger, tmp_path):
    (tmp_path / "token").write_text("geheim")
    port = free_port()
    with networks([port]) as found:
        url = f"http://127.0.0.1:{found[0].port}/blocks"
        to = ("--ship", url, "--ship-token-file", str(tmp_path / "token"))
        way = Way(logger, tmp_path, to, f"blocks:tcp:{port}:interface=127.0.0.1", found)
        sent, stored = way.killed(["shipper", "network", "edge", "centre"])
    assert not compared(sent, stored)


@pytest.mark.long
@pytest.mark.nightly
def test_each_line_in_streams_arrives_once_over_kills(logger, tmp_path):
    with (
        cluster(newer(), tmp_path) as servers,
        networks([one.port for one in servers]) as found,
    ):
        place = ",".join(f"127.0.0.1:{one.port}" for one in found)
        to = ("--ship", f"nats://{place}/LOGS")
        way = Way(logger, tmp_path, to, f"nats:{place}/LOGS", found, servers)
        sent, stored = way.killed(["leader", "shipper", "network", "server", "edge", "centre"])
    assert not compared(sent, stored)


@pytest.mark.long
@pytest.mark.nightly
def test_no_line_over_relp_is_missing_after_kills(logger, tmp_path):
    """Only lines that were under way at a kill may come twice."""
    port = free_port()
    with networks([port]) as found:
        to = ("--ship", f"relp://127.0.0.1:{found[0].port}")
        way = Way(logger, tmp_path, to, f"relp:tcp:{port}:interface=127.0.0.1", found)
        sent, stored = way.killed(["shipper", "network", "edge", "centre"])
    messages = [line.split(b" ", 2)[2] for line in sent.splitlines()]
    received = [line.rpartition(b" - ")[2] for line in stored.splitlines()]
    strange = {*received} - {*messages}
    # A killed centre may have the beginning of a line, which was not acknowledged.
    assert not [one for one in strange if one.endswith(b">")]
    firsts = [one for one in dict.fromkeys(received) if one not in strange]
    assert firsts == messages
    print(f"{len(received) - len(messages):,} of {len(messages):,} lines came twice or torn")
