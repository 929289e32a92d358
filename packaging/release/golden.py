"""Makes the golden files of a version: stores with every kind of file, and its answers about them.

    python golden.py BIN OUT

BIN is the directory with that version's `twistd` and `logsrv`, with the extras sql and archive. Makes
OUT/VERSION/stores.tar.xz and OUT/VERSION/answers.json. Later versions have to read these stores, give the
same answers, and go on with them: tests/golden. The lines are always the same; their times, and what
follows from them, are those of the run.

    edge       small segments, one with words and columns, the active one; saved positions of targets and
               alerts, groups of an alert that fire, silences
    centre     the store that edge ships to, with its `origins`
    archive    a directory with the sealed segments; edge has a note of each
    lake       the same segments as rows
    rules      a store with a store of a `[[retention]]` rule below it
    imported   a store made by `logsrv import`, in which lines were erased
    queries    the lines of golden_queries.py, for the queries that every later version answers alike
    backup     of edge
    pages      saved searches and boards, alerts of the page, a reader's token
    lines      all that was sent to edge, in order
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from golden_queries import WRONG, commands, corpus

# The URLs of archive and lake are saved in the store, so they have no name of this machine.
PLACE = Path("/srv/logsrv-golden")
SECONDS = 120
NAMES = (
    *("edge", "centre", "archive", "lake", "rules", "imported", "queries", "backup", "pages"),
    "lines",
)
SMALL, LARGE, ACTIVE = 24, 4800, 12
"""The lines with a segment each, those of the segment with words and columns, and the active ones."""
WORDS = (
    b"checkout",
    b"payment",
    b"refund",
    b"session",
    b"upstream",
    b"timeout",
    b"ledger",
    b"invoice",
)
# Text that makes the large segment large enough for columns, and compresses to nearly nothing.
PADDING = (
    b" of the nightly run that compares every order of the shop with what the bank has booked" * 2
)
BOARD = {"panels": [{"search": "errors", "as": "bars"}, {"search": "apps", "as": "table"}]}
SAVED: dict[str, dict[str, Any]] = {
    "errors": {"q": "level>=error", "last": "24h"},
    "apps": {"q": "| count by app", "last": "7d"},
    "shop": BOARD,
}
ALERT = "| count, count if (level>=error) as errors in 5m by app | where errors > 3"
QUESTIONS = (
    "search -d edge -c",
    "search -d edge -c level>=error",
    "search -d edge -c level>=error --no-index",
    "search -d edge -c needle4321",
    "search -d edge -c nowhere",
    "search -d edge -c {trace}",
    "search -d edge --output json -n 5",
    "search -d edge --output json -n 5 --reverse",
    "search -d edge --output json needle17 -C 1",
    "search -d edge --output json |_count_by_level",
    "search -d edge --output json |_count,_sum_ms,_p95_ms_by_app",
    "search -d edge --output json |_count_by_status",
    "search -d edge --output json |_count_by_hostname --no-index",
    "search -d edge --output json ms>4000 |_max_ms_by_app",
    "show -d edge --output json {position} -C 1",
    "sql -d edge --output json select_level,_count(*)_as_lines_from_logs_group_by_level_order_by_1",
    "search -d centre -c",
    "search -d centre --output json |_count_by_level",
    "search -d centre --output json -n 5 --reverse",
    "search -d {here}/archive -c",
    "search -d {here}/archive --output json |_count_by_app",
    "search -d backup -c",
    "search -d backup --output json |_count_by_level",
    "search -d rules -c",
    "search -d rules --output json",
    "search -d rules/stores/audit --output json",
    "search -d imported --output json",
    "search -d imported -c ann",
    "search -d imported --records --output json panic",
)
"""Commands of logsrv. A word with `_` has spaces there; {…} is filled in."""
OF_THE_LAKE = (
    "describe select * from {lake}",
    "select level, count(*) from {lake} group by level order by 1",
    "select sum(position), min(segment), max(segment) from {lake}",
    "select epoch_us(min(time)), epoch_us(max(time)) from {lake}",
    "select epoch_us(time), * exclude (time) from {lake} order by segment, position limit 4",
)
REQUESTS = (
    "/api/saved",
    "/api/alerts",
    "/api/table?q=%7C+count+by+level",
    "/api/top?field=app",
    "/api/stats",
)


def line(number: int, padding: bytes = b"") -> bytes:
    """Return one of four kinds of lines, with a word of its own; every fortieth has an id."""
    text = b"%b needle%d" % (WORDS[number % len(WORDS)], number)
    kind = number % 4
    if kind == 0:
        trace = trace_of(number).encode()
        extra = b', "trace": "%b"' % trace if number % 40 == 0 else b""
        start = b'{"level": "error", "app": "shop"%b, "ms": %d, "message": "' % (extra, number)
        return start + text + padding + b'"}'
    if kind == 1:
        return b"<11>1 2026-11-20T06:18:42.5Z web%d nginx 42 - - %b" % (number % 3, text + padding)
    if kind == 2:
        stamp = b"20/Nov/2026:06:18:42 +0000"
        request = b'"GET /?q=%b HTTP/1.1" 503 12' % text
        return b"10.0.0.%d - - [%b] %b" % (number % 256, stamp, request)
    return b"plain \xc3\xa4 \xff \x1b[31m " + text + padding


def trace_of(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()[:32]


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"golden: waited in vain for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Maker:
    """One run: the programs of a version, in PLACE."""

    def __init__(self, bin_: Path) -> None:
        self.bin = bin_
        self.ports = {name: free_port() for name in ("edge", "centre", "page", "rules")}
        self.sent: list[bytes] = []
        self.token = ""

    @contextlib.contextmanager
    def daemon(self, name: str, configuration: str) -> Iterator[None]:
        """Run a server until the end of `with`."""
        (PLACE / f"{name}.toml").write_text(configuration)
        log = PLACE / f"{name}.log"
        words = ("-n", "--pidfile=", f"--logfile={log}", "logsrv", "--config", f"{name}.toml")
        with subprocess.Popen([self.bin / "twistd", *words], cwd=PLACE) as process:
            try:
                wait(
                    lambda: (
                        process.poll() is not None
                        or (log.exists() and "is ready" in log.read_text())
                    ),
                    f"the start of {name}",
                )
                yield
            finally:
                process.terminate()

    def logsrv(self, *words: str | Path, status: int = 0) -> str:
        """Return what a command prints. Raises SystemExit if its status is another one."""
        done = subprocess.run(
            [self.bin / "logsrv", *words], cwd=PLACE, capture_output=True, text=True
        )
        if done.returncode != status:
            raise SystemExit(f"golden: logsrv {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Return the answer of the page of edge to a request."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.ports['page']}{path}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)

    def send(self, lines: list[bytes], name: str = "edge") -> None:
        with socket.create_connection(("127.0.0.1", self.ports[name])) as sender:
            sender.sendall(b"".join(one + b"\n" for one in lines))

    def send_and_wait(self, lines: list[bytes], condition: Callable[[], object], what: str) -> None:
        self.send(lines)
        self.sent.extend(lines)
        wait(condition, what)

    def listen(self, name: str, kind: str) -> str:
        port = self.ports[name]
        return f'directory = "{name}"\nlisten = "{kind}:tcp:{port}:interface=127.0.0.1"\n'

    def make(self) -> dict[str, Any]:
        """Make the stores below PLACE; return the answers."""
        for name in ("archive", "lake", "pages"):
            (PLACE / name).mkdir(parents=True)
        (PLACE / "token").write_text("golden\n")
        (PLACE / "token").chmod(0o600)
        self.make_token()
        # A small segment for each of the first lines.
        with self.daemon("small", self.listen("edge", "lines") + 'rotate-size = "1"\n'):
            for number in range(SMALL):
                self.send_and_wait(
                    [line(number)],
                    lambda: count("edge/*.zst") >= len(self.sent),
                    "a sealed segment",
                )
        blocks = self.listen("centre", "blocks") + 'input-token-file = "token"\n'
        with self.daemon("centre", blocks), self.daemon("edge", self.configuration_of_edge()):
            self.fill_edge()
            requests = self.use_page()
            self.logsrv("backup", "edge", "backup")
        self.make_rules()
        self.make_imported()
        (PLACE / "queries.log").write_text("".join(f"{one}\n" for one in corpus()))
        self.logsrv("import", "-d", "queries", "queries.log")
        (PLACE / "lines").write_bytes(b"".join(one + b"\n" for one in self.sent))
        return self.answers(requests)

    def make_token(self) -> None:
        done = subprocess.run(
            [self.bin / "logsrv", "token", "alice"], capture_output=True, text=True, check=True
        )
        (PLACE / "pages/alice.token").write_text(done.stdout)
        self.token = max(re.findall(r"[\w-]+", done.stderr), key=len)

    def configuration_of_edge(self) -> str:
        # Alerts first: keys of the top stand before the first table.
        page = f'http = "tcp:{self.ports["page"]}:interface=127.0.0.1"\n'
        files = 'saved = "pages/saved.json"\nalert-saved = "pages/alerts.json"\n'
        token = 'ship-token-file = "token"\nalert-command = "cat"\nrotate-size = "1100KiB"\n'
        token += 'alert-every = "1s"\n'
        ship = (
            f'[[ship]]\nname = "centre"\nship = "http://127.0.0.1:{self.ports["centre"]}/blocks"\n'
        )
        ship += f'[[ship]]\nname = "archive"\nship = "file://{PLACE}/archive"\n'
        ship += f'[[ship]]\nname = "lake"\nship = "lake+file://{PLACE}/lake"\n'
        alerts = '[[alerts]]\nname = "errors"\nalert = "level>=error"\n'
        alerts += '[[alerts]]\nname = "apps"\nalert = "level>=error | count > 3 in 1d by app"\n'
        return self.listen("edge", "lines") + page + files + token + ship + alerts

    def fill_edge(self) -> None:
        self.send_and_wait(
            [line(number, PADDING) for number in range(SMALL, SMALL + LARGE)],
            lambda: count("edge/*.words") and count("edge/*.parquet"),
            "a word index and columns",
        )
        last = SMALL + LARGE + ACTIVE
        self.send_and_wait(
            [line(number) for number in range(SMALL + LARGE, last)], lambda: True, ""
        )
        sealed = count("edge/*.zst")
        wait(lambda: count("archive/*/*.json") >= sealed, "the archive")
        wait(lambda: count("lake/*/*.parquet") >= sealed, "the lake")
        # A line ends with its word, or with the padding after it.
        newest = b"needle%d" % (last - 1)
        wait(lambda: newest in (PLACE / "centre/current.log").read_bytes(), "the centre")
        wait(lambda: count("edge/alerts/*.state"), "the groups of an alert")
        # So a later version has no older line to tell.
        wait(lambda: place("alerts/1") == place("ship/centre"), "the last message of an alert")

    def use_page(self) -> dict[str, Any]:
        """Save searches, a board, an alert and silences on the page; return its answers."""
        for name, value in SAVED.items():
            self.ask(f"/api/saved/{name}", "PUT", value)
        self.ask("/api/alerts/shares", "PUT", {"alert": ALERT})
        silence = {"for": "90d", "reason": "an update"}
        self.ask("/api/silences", "POST", {"alert": "errors", **silence})
        self.ask("/api/silences", "POST", {"alert": "apps", "group": {"app": "shop"}, **silence})
        wait(lambda: count("edge/alerts/*.state") == 2, "the groups of the page's alert")
        return {path: self.ask(path) for path in REQUESTS}

    def make_rules(self) -> None:
        rule = '[[retention]]\nname = "audit"\nmatch = "app=sudo"\nkeep-days = 36500\n'
        limits = 'rotate-size = "200"\nkeep-bytes = "1KiB"\n'
        # Its alert has a place in both stores.
        alert = '[[alerts]]\nname = "every"\nalert = "rule"\n'
        limits += 'alert-command = "cat"\nalert-every = "1s"\n'
        with self.daemon("rules", self.listen("rules", "lines") + limits + rule + alert):
            for number in range(24):
                app = b"sudo" if number % 2 else b"shop"
                word = f"rule{number:02}"
                self.send([b'{"app": "%b", "message": "%b"}' % (app, word.encode())], "rules")
                wait(partial(self.has, "rules", word), "a line of a rule")
            wait(lambda: count("rules/removed"), "retention")
            wait(lambda: count("rules/alerts/1"), "a message of an alert over two stores")
        if not count("rules/stores/audit/*.zst"):
            raise SystemExit("golden: the store of the rule has no sealed segment")

    def has(self, store: str, word: str) -> bool:
        words = ("search", "-d", store, "-c", word)
        done = subprocess.run([self.bin / "logsrv", *words], cwd=PLACE, stdout=subprocess.DEVNULL)
        return done.returncode == 0

    def make_imported(self) -> None:
        """Import a file, and erase lines of it."""
        text = [f"2026-11-20T06:18:{second:02} ERROR order {second} of ann" for second in range(9)]
        text += ["2026-11-20T06:19:00 CRITICAL panic", "  at shop.py:1", "  at bank.py:2"]
        text += [f"2026-11-20T06:19:{second:02} INFO order {second} of bob" for second in range(9)]
        (PLACE / "file.log").write_text("\n".join(text) + "\n")
        self.logsrv("import", "-d", "imported", "file.log")
        self.logsrv("erase", "-d", "imported", "--yes", "--reason", "request 17", "ann")

    def answers(self, requests: dict[str, Any]) -> dict[str, Any]:
        newest = json.loads(self.logsrv(*words_of("search -d edge --output json -n 1 needle4000")))
        fills = {"position": newest["position"], "trace": trace_of(400)}
        asked = []
        for question in QUESTIONS:
            words = [fill(word, fills) for word in words_of(question)]
            done = subprocess.run(
                [self.bin / "logsrv", *(fill(word, {"here": f"file://{PLACE}"}) for word in words)],
                cwd=PLACE, capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode > 1 or done.stderr:
                raise SystemExit(f"golden: {question}: {done.stderr}")
            asked.append({"words": words, "status": done.returncode, "output": done.stdout})
        asked.extend(map(self.ask_query, commands("queries")))
        ships = json.loads(self.logsrv("ship", "--json", "--status", "edge", status=1))
        return {
            "version": self.version(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "lines": len(self.sent),
            "asked": asked,
            "lake": {statement: rows_of_lake(statement) for statement in OF_THE_LAKE},
            "requests": requests,
            "token": self.token,
            "places": {target["name"]: target["position"] for target in ships},
        }

    def ask_query(self, words: list[str]) -> dict[str, Any]:
        """Return what a command of golden_queries.py answers, and its status. Messages are no promise."""
        done = subprocess.run(
            [self.bin / "logsrv", *words], cwd=PLACE, capture_output=True, text=True
        )
        if done.returncode > 1 and words[-1] not in WRONG:
            raise SystemExit(f"golden: {words}: {done.stderr}")
        return {
            "words": words,
            "status": done.returncode,
            "output": done.stdout,
            "has_message": bool(done.stderr),
        }

    def version(self) -> str:
        [number] = re.findall(r"\d+\.\d+\.\d+", self.logsrv("--version"))
        return str(number)


def place(name: str) -> str:
    text = (PLACE / "edge" / name).read_text()
    return str(json.loads(text.rpartition(" ")[0])["position"])


def count(pattern: str) -> int:
    return len(list(PLACE.glob(pattern)))


def words_of(question: str) -> list[str]:
    return [word.replace("_", " ") if "_" in word else word for word in question.split()]


def fill(word: str, fills: dict[str, str]) -> str:
    for name, value in fills.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def rows_of_lake(statement: str) -> list[list[str]]:
    """Return the rows that DuckDB finds, as texts."""
    # Only this function needs it, in the environment of the version.
    import duckdb

    files = f"read_parquet('{PLACE}/lake/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        rows = connection.execute(statement.format(lake=files)).fetchall()
    return [[str(value) for value in row] for row in rows]


def main() -> None:
    bin_, out = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).resolve()
    if PLACE.exists():
        raise SystemExit(f"golden: {PLACE} is there already")
    try:
        answers = Maker(bin_).make()
        folder = out / answers["version"]
        folder.mkdir(exist_ok=True)
        (folder / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
        with tarfile.open(folder / "stores.tar.xz", "w:xz") as archive:
            for name in NAMES:
                archive.add(PLACE / name, name)
    finally:
        if PLACE.exists():
            shutil.rmtree(PLACE)
    print(folder)


if __name__ == "__main__":
    main()
