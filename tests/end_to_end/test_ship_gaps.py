"""Lines that retention removes before a target has them are counted to the byte, over any kill."""

import re
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import metrics, status
from tests.parts.daemons import LOOPBACK, Logger, Start
from tests.parts.ports import free_port

SIZE = len(b"2026-11-20T06:18:42.123456Z tcp:127.0.0.1:51234 line 000000\n")
"""The bytes of each line that is stored: a port that is chosen has five digits."""
GONE = "before all of its lines were shipped to"
pytestmark = pytest.mark.complains(GONE, "were removed from the store", "has lost", "refused")


class Away:
    """An edge with small segments, and a centre that is mostly away."""

    def __init__(self, logger: Start, home: Path, kind: str) -> None:
        self._logger = logger
        self._home = home
        self._kind = kind
        self._port = free_port()
        self.sent = self.stored = 0
        (home / "token").write_text("geheim")
        self.edge = self.start_edge()

    def start_edge(self) -> Logger:
        host = f"127.0.0.1:{self._port}"
        url = f"http://{host}/blocks" if self._kind == "blocks" else f"relp://{host}"
        return self._logger(
            *("--rotate-size", "4KiB", "--keep-bytes", "2KiB", "--ship-at-most", "1"),
            *("--ship", url, "--ship-token-file", str(self._home / "token"), "--http", LOOPBACK),
        )

    def start_centre(self) -> Logger:
        listen = f"{self._kind}:tcp:{self._port}:interface=127.0.0.1"
        more = ("--input-token-file", str(self._home / "token")) if self._kind == "blocks" else ()
        (self._home / "centre").mkdir(exist_ok=True)
        return self._logger(*more, listen=[listen], directory=self._home / "centre")

    def send(self, rounds: int, count: int = 150) -> None:
        """Send lines and wait until they are stored, `rounds` times; 150 lines are more than a segment."""
        for _ in range(rounds):
            self.edge.send(b"".join(b"line %06d\n" % (self.sent + n) for n in range(count)))
            self.sent += count
            self.stored += count
            self.edge.wait_until(lambda: stored(self.edge) == self.stored, "the lines")

    def gone(self) -> tuple[int, int]:
        """Return the bytes and lines that are counted as gone."""
        found = metrics(self.edge, 1)
        names = ("ship_gap_bytes_total", "ship_gap_lines_total")
        return tuple(  # type: ignore[return-value]
            sum(int(value) for key, value in found.items() if key.startswith(name))
            for name in names
        )

    def shown(self) -> tuple[object, object]:
        """Return the same numbers from `logsrv ship --status`."""
        [one] = status(self.edge).values()
        return one["gap_bytes"], one["gap_lines"]


def stored(server: Logger) -> float:
    """Return the number of lines that a server has stored since its start."""
    with urlopen(f"http://127.0.0.1:{server.ports()[1]}/metrics", timeout=PATIENCE) as answer:
        found = re.findall(rb"^logsrv_stored_lines_total (\d+)", answer.read(), re.MULTILINE)
    return sum(map(int, found))


def is_kept(server: Logger) -> bool:
    """Return whether the kept position says that the target has everything."""
    return all(one["lag_bytes"] == 0 for one in status(server).values())


def received(centre: Logger) -> int:
    """Return the number of different lines that the centre has."""
    return len(set(re.findall(rb"line \d{6}", b"\n".join(centre.messages()))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("never", "relp"),
        ("reached", "relp"),
        ("reached and killed", "blocks"),
        *(
            pytest.param(*words, marks=(pytest.mark.long, pytest.mark.nightly))
            for words in (
                ("never", "blocks"),
                ("reached", "blocks"),
                ("reached and killed", "relp"),
            )
        ),
    ],
)
def test_what_is_counted_as_gone_is_what_is_missing(logger, tmp_path, kind, before):
    away = Away(logger, tmp_path, kind)
    if before != "never":
        centre = away.start_centre()
        away.send(1, 40)
        away.edge.wait_until(lambda: received(centre) == away.sent, "the lines at the centre")
        away.edge.wait_until(lambda: is_kept(away.edge), "the place")
        centre.send_signal(signal.SIGKILL)
        centre.wait(PATIENCE)
    away.send(4)
    away.edge.wait_until(lambda: GONE in away.edge.log(), "retention")
    if before.endswith("killed"):
        away.edge.send_signal(signal.SIGKILL)
        away.edge.wait(PATIENCE)
        away.edge, away.stored = away.start_edge(), 0
    away.send(4)
    # A process that keeps running still has the lines that it has read, but not sent.
    sure = before != "reached"
    if sure:
        away.edge.wait_until(lambda: away.gone()[0] > 0, "the count, while the target is away")
    away.send(1, 10)
    centre = away.start_centre()
    away.edge.wait_until(
        lambda: b"line %06d" % (away.sent - 1) in b"".join(centre.messages()), "the newest"
    )
    missing = away.sent - received(centre)
    assert missing > 0 or not sure
    away.edge.wait_until(lambda: away.gone() == (missing * SIZE, missing), "the same count")
    # The status shows the kept numbers, which are written each second.
    away.edge.wait_until(lambda: away.shown() == away.gone(), "the same status")
    told = f"{missing} were removed" if missing else "none is lost"
    # For a target that comes and goes within a minute the log has only the gap.
    gaps = re.findall(r"(\d+) bytes in \d+ lines were removed", away.edge.log())
    assert (
        f" lines wait for it, and {told}" in away.edge.log()
        or sum(map(int, gaps)) == missing * SIZE
    )
    if kind == "blocks":
        said = [int(size) for size in re.findall(r"has lost (\d+) bytes", centre.log())]
        assert sum(said) == missing * SIZE
    # A gap is counted once, whichever process ends in between.
    away.edge.send_signal(signal.SIGKILL)
    away.edge.wait(PATIENCE)
    away.edge = away.start_edge()
    away.edge.wait_until(lambda: away.gone() == (missing * SIZE, missing), "the same count again")
