"""Lines sorted into stores of their own, by the real daemon, over kills and reloads."""

import random
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from tests.end_to_end.killed import LISTEN, RECORD, SPEECHES, Sender, send_over_kills
from tests.parts.commands import logsrv
from tests.parts.daemons import reload
from tests.parts.store_reader import messages

# Of each protocol, about half of the records go to each store.
EVEN = "[[retention]]\nname = \"even\"\nmatch = '/number \\d*[02468]>/'\nkeep-days = 365\n"


def rules(file: Path, text: str) -> tuple[str, str]:
    file.write_text(text)
    return "--config", str(file)


def assert_stored(senders: list[Sender], store: Path) -> None:
    """Both stores together have each record once, and each of them has its own in their order."""
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, rest in ((store, 1), (store / "stores" / "even", 0)):
        last: dict[tuple[str, int], int] = {}
        for message in messages(place):
            if (match := RECORD.search(message)) is None:
                continue
            of, number = (match[1].decode(), int(match[2])), int(match[3])
            assert number % 2 == rest, "it is in the wrong store"
            assert number > last.get(of, -1), "they are out of order, or there twice"
            last[of] = number
            found[of].append(number)
    for sender in senders:
        sender.assert_stored({of: sorted(one) for of, one in found.items()}, several=True)


@pytest.mark.long
@pytest.mark.minutes(10)
def test_acknowledged_records_are_in_their_stores_after_kills(logger, tmp_path):
    """Of all protocols at once, with --sync always; segments are rotated and sealed meanwhile."""
    senders = [Sender(kind) for kind in SPEECHES]
    server = logger(
        *("--sync", "always", "--rotate-size", "1MiB"),
        *rules(tmp_path / "rules.toml", EVEN),
        listen=LISTEN,
    )
    send_over_kills(server, senders, 5, random.Random(11), least=5)
    assert_stored(senders, server.store)
    assert len(messages(server.store / "stores" / "even")) > 50


@pytest.mark.slow
def test_a_user_sorts_reads_and_changes_his_mind(logger, tmp_path):
    file = tmp_path / "rules.toml"
    server = logger(*rules(file, '[[retention]]\nname = "audit"\nmatch = "app=sshd"\n'))
    server.send(b"<38>Nov 20 06:18:42 web sshd[7]: one\n<30>Nov 20 06:18:42 web cron[1]: two\n")
    audit = server.store / "stores" / "audit"
    server.wait_until(lambda: server.current.read_bytes() and (audit / "current.log").read_bytes(),
                      "both lines")  # fmt: skip
    found = logsrv("search", "-d", "store", "--output", "raw", directory=tmp_path).stdout
    assert found.splitlines() == [
        b"<30>Nov 20 06:18:42 web cron[1]: two", b"<38>Nov 20 06:18:42 web sshd[7]: one",
    ]  # fmt: skip
    file.write_text("")
    reload(server)
    server.send(b"<38>Nov 20 06:18:42 web sshd[7]: three\n")
    server.wait_for_messages(2)
    assert logsrv("search", "-d", "store", "-c", directory=tmp_path).stdout == b"3\n"
    assert server.stop() in (0, -signal.SIGTERM)
    assert len(messages(audit)) == 1


@pytest.mark.slow
def test_both_stores_have_all_lines_after_a_full_disk(logger, small_disk):
    """Nothing is lost or stored twice, whichever of the stores was in the middle of a write."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (5 << 19))
    server = logger(
        *rules(small_disk / "rules.toml", '[[retention]]\nname = "even"\nmatch = "even"\n'),
        directory=small_disk,
    )
    sent = [b"%b %d %b" % ((b"odd", b"even")[n % 2], n, b"x" * 500) for n in range(4000)]
    server.send(b"\n".join([*sent, b""]))
    server.wait_for_log("No space left")
    ballast.unlink()
    even = server.store / "stores" / "even"
    server.wait_until(
        lambda: len(messages(server.store)) + len(messages(even)) == len(sent), "all lines"
    )
    assert (messages(server.store), messages(even)) == (sent[::2], sent[1::2])
    assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.complains("cannot start")
def test_a_start_that_the_store_of_a_rule_refuses_ends_in_order(logger, tmp_path):
    """Otherwise the next start takes it for killed, and begins a segment in each store."""
    config, wrong = tmp_path / "logsrv.toml", tmp_path / "store" / "stores" / "fw"
    rule = '[[retention]]\nname = "{0}"\nmatch = "{0}"\nkeep-days = 7\n'
    config.write_text(rule.format("audit") + rule.format("fw"))
    wrong.parent.mkdir(parents=True)
    wrong.write_text("a file")
    for _ in range(2):
        server = logger("--config", str(config), wait=False)
        assert server.wait() == 1
        for store in (tmp_path / "store", tmp_path / "store" / "stores" / "audit"):
            assert (store / "lock").read_text() == ""
            assert [path.name for path in store.glob("*.log")] == ["current.log"]
