"""A real daemon ships its lines to other machines, over failures of either side."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import metrics, status
from tests.parts.daemons import LOOPBACK, Logger, reload
from tests.parts.http_servers import LineReceiver, receiving
from tests.parts.ports import free_port

pytestmark = pytest.mark.slow

CHILD = "ship.ship_child"


@pytest.fixture
def receiver() -> Iterator[LineReceiver]:
    with receiving() as found:
        yield found


def config(directory: Path, *targets: str, more: str = "") -> Path:
    """Write a configuration file with these targets, each the text of a table; return its path."""
    path = directory / "c.toml"
    path.write_text(more + "".join(f"[[ship]]\n{target}\n" for target in targets))
    return path


def table(name: str, url: str, more: str = "") -> str:
    return f'name = "{name}"\nship = "{url}"\n{more}'


def numbered(begin: int, end: int) -> list[str]:
    return [f"line {number}" for number in range(begin, end)]


def send(server: Logger, begin: int, end: int) -> None:
    server.send(b"".join(b"line %d\n" % number for number in range(begin, end)))


def children(server: Logger) -> list[int]:
    """Return the ids of the processes of targets."""
    found = []
    for child in server.children():
        with suppress(OSError):
            if CHILD.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def test_the_status_shows_shipped_lines(logger, receiver, tmp_path):
    path = config(tmp_path, table("a", receiver.url))
    server = logger("--http", LOOPBACK, "--config", str(path))
    send(server, 0, 1000)
    wait_until(lambda: len(receiver.messages) == 1000, "the lines")
    assert receiver.messages == numbered(0, 1000)
    wait_until(lambda: status(server)["a"]["lag_bytes"] == 0, "the place")
    [child] = children(server)
    one = status(server)["a"]
    assert one["up"] and one["target"] == receiver.url
    server.wait_until(
        lambda: metrics(server, 1)['ship_lag_seconds{target="a"}'] == 0, "the counters"
    )
    found = metrics(server, 1)
    assert found['ship_up{target="a"}'] == 1
    assert found['ship_sent_lines_total{target="a"}'] == 1000
    assert found['ship_acknowledged_seconds_count{target="a"}'] >= 1
    server.wait_for_log("ship a: at least once")
    assert server.stop() in (0, -signal.SIGTERM)
    one = status(server)["a"]
    assert not one["running"] and not one["up"] and one["lag_bytes"] == 0
    assert not Path(f"/proc/{child}").exists()


def test_a_target_that_goes_and_comes_back_is_said_once_each_and_misses_nothing(logger, tmp_path):
    port = free_port()
    with receiving(port) as receiver:
        server = logger("--http", LOOPBACK, "--ship", receiver.url)
        name = f"ndjson-http-127-0-0-1-{port}"
        send(server, 0, 10)
        sent = f'ship_sent_lines_total{{target="{name}"}}'
        server.wait_until(lambda: metrics(server, 1)[sent] == 10, "the answer")
        assert len(receiver.messages) == 10
    send(server, 10, 20)
    server.wait_until(lambda: "it takes nothing" in server.log(), "the word")
    server.wait_until(
        lambda: metrics(server, 1)[f'ship_lag_lines{{target="{name}"}}'] == 10, "the lag"
    )
    server.wait_until(
        lambda: (
            sum(
                value
                for key, value in metrics(server, 1).items()
                if key.startswith("ship_retries_total")
            )
            >= 3
        ),
        "some tries",
    )
    assert not status(server)[name]["up"] and status(server)[name]["lag_lines"] == 10
    with urlopen(f"http://127.0.0.1:{server.ports()[1]}/readyz", timeout=PATIENCE) as answer:
        assert answer.status == 200
    with receiving(port) as again:
        wait_until(lambda: len(again.messages) == 10, "the lines that waited")
        server.wait_until(lambda: "it takes lines again, after" in server.log(), "the word")
        assert again.messages == numbered(10, 20)
        assert server.stop() in (0, -signal.SIGTERM)
    assert server.log().count("it takes nothing") == 1
    assert server.log().count("it takes lines again") == 1


@pytest.mark.complains("ship a: the process was ended by SIGKILL")
def test_no_line_is_missing_after_kills(logger, receiver, tmp_path):
    """Under load the process of the target, the daemon or both are killed, or the daemon is stopped."""
    path = config(tmp_path, table("a", receiver.url))
    server = logger("--config", str(path))
    sent = 0
    for turn in ("child", "daemon", "both", "stop", "child", "daemon"):
        send(server, sent, sent + 500)
        sent += 500
        server.wait_until(lambda: len(server.messages()) == sent, "the lines")  # noqa: B023
        server.wait_until(lambda: children(server), "the process")  # noqa: B023
        if turn in ("child", "both"):
            os.kill(children(server)[0], signal.SIGKILL)
        if turn in ("daemon", "both"):
            server.send_signal(signal.SIGKILL)
        elif turn == "stop":
            assert server.stop() in (0, -signal.SIGTERM)
        if turn != "child":
            server.wait()
            server = logger("--config", str(path))
    wait_until(lambda: {*numbered(0, sent)} <= {*receiver.messages}, "all lines", 2 * PATIENCE)
    assert server.stop() in (0, -signal.SIGTERM)
    firsts = list(dict.fromkeys(receiver.messages))
    assert firsts == numbered(0, sent)


def test_a_reload_adds_takes_out_and_changes_targets_and_disturbs_no_other(logger, tmp_path):
    with receiving() as one, receiving() as two, receiving() as three:
        path = config(tmp_path, table("one", one.url), table("two", two.url))
        server = logger("--http", LOOPBACK, "--config", str(path))
        send(server, 0, 10)
        wait_until(lambda: len(one.messages) == len(two.messages) == 10, "the lines")
        wait_until(lambda: status(server)["two"]["lag_bytes"] == 0, "the place")
        before = children(server)
        # The second target gets another query, a third is added, and the first stays as it was.
        config(
            tmp_path,
            table("one", one.url),
            table("two", two.url, 'query = "15"\n'),
            table("three", three.url, 'ship-from = "end"\n'),
        )
        reload(server)
        wait_until(lambda: (server.store / "ship" / "three").exists(), "the new target")
        send(server, 10, 20)
        wait_until(lambda: len(three.messages) == 10 and len(one.messages) == 20, "the lines")
        wait_until(lambda: two.messages[10:] == ["line 15"], "the line of the query")
        assert set(children(server)) & set(before) and len(children(server)) == 3
        config(tmp_path, table("three", three.url, 'ship-from = "end"\n'))
        reload(server)
        wait_until(lambda: len(children(server)) == 1, "the end of the others")
        send(server, 20, 30)
        wait_until(lambda: len(three.messages) == 20, "the lines")
        assert not [key for key in metrics(server, 1) if key.startswith("ship_up") and "one" in key]
        found = status(server)
        assert [name for name, each in found.items() if each["wanted"]] == ["three"]
        # A target that is added again continues at its position.
        config(tmp_path, table("one", one.url), table("three", three.url, 'ship-from = "end"\n'))
        reload(server)
        wait_until(lambda: len(one.messages) == 30, "what came meanwhile")
        assert one.messages == numbered(0, 30)
        config(tmp_path, table("one", one.url, 'ship-token-file = "no"\n'))
        server.send_signal(signal.SIGHUP)
        server.wait_until(lambda: "reload refused" in server.log(), "the refusal")
        assert len(children(server)) == 2
        assert server.stop() in (0, -signal.SIGTERM)


def test_what_a_target_lacks_stays_beyond_keep_bytes_until_it_has_it(logger, tmp_path):
    with receiving() as receiver:
        receiver.status = 503
        server = logger(
            "--keep-bytes=1", "--rotate-size=1KiB", "--ship", receiver.url, "--ship-at-most=1GiB"
        )
        for begin in range(0, 200, 50):
            send(server, begin, begin + 50)
            server.wait_until(lambda: len(server.messages()) == begin + 50, "them")  # noqa: B023
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) >= 4, "the segments")
        receiver.status = 200
        wait_until(lambda: len(receiver.messages) == 200, "the lines")
        assert receiver.messages == numbered(0, 200)

        sent = [0.0]

        def gone() -> bool:
            # Retention runs when a segment is sealed; several at a time may come faster than a slow disk
            # seals them.
            # What came in the last second waits for the next save of the place.
            if not list(server.store.glob("0*.log")) and time.monotonic() > sent[0] + 3:
                sent[0] = time.monotonic()
                send(server, 200, 250)
            return len(list(server.store.glob("*.zst"))) <= 2

        server.wait_until(gone, "retention")
        assert server.stop() in (0, -signal.SIGTERM)


def test_a_token_is_shown_to_the_target_and_to_nobody_else(logger, receiver, tmp_path):
    (tmp_path / "token").write_text("geheim-17\n")
    server = logger("--ship", receiver.url, "--ship-token-file", str(tmp_path / "token"))
    send(server, 0, 1)
    wait_until(lambda: receiver.messages, "the line")
    assert receiver.tokens == ["Bearer geheim-17"]
    [child] = children(server)
    for seen in (
        Path(f"/proc/{child}/cmdline").read_bytes(),
        Path(f"/proc/{child}/environ").read_bytes(),
        server.log().encode(),
        # Without temporary files, which may be renamed before they are read.
        *(path.read_bytes() for path in (server.store / "ship").iterdir() if path.suffix != ".tmp"),
    ):
        assert b"geheim" not in seen
    assert server.stop() in (0, -signal.SIGTERM)
