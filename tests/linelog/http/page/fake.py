"""A small server of the API over lines in memory: the page's tests need its answers, not a store.

It knows enough of the query language for them: words, phrases, `-`, expressions, FIELD=VALUE, `level>=`.
"""

from __future__ import annotations

import io
import json
import math
import re
import shlex
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace, TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.continuations.joiner import Joiner
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.http.assets import LOG_IN, PAGES, POLICY, find_static, live_page, log_in_page
from logsrv.linelog.http.board_variables import template_of
from logsrv.linelog.http.counted_replies import steps_of_rows
from logsrv.linelog.http.endpoints import BOARD_FILE
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.saved.board_file import read_import
from logsrv.linelog.query.times import parse_moment
from logsrv.linelog.steps.steps import Steps
from tests.linelog.http.page.fake_alerts import FakeAlerts

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
TOKEN = "open sesame"
# The seconds after which a server sees that its test is over. With the usual 0.5, a test took 0.25 s more.
_END_SEEN = 0.05
Line = dict[str, Any]
Test = Callable[[Line], bool]


class WrongQuery(Exception):
    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence)
        self.at = at


def key(position: str) -> tuple[int, int]:
    segment, _, offset = position.partition(":")
    return int(segment), int(offset)


def compiled(query: str) -> Test:
    """Return the test that a query is. Raises WrongQuery."""
    tests = [_atom(word, query) for word in shlex.split(query.replace("\\", "\\\\"))]
    return lambda line: all(test(line) for test in tests)


def _atom(word: str, query: str) -> Test:
    if word.startswith("-") and len(word) > 1:
        inner = _atom(word[1:], query)
        return lambda line: not inner(line)
    if word.startswith("/") and word.endswith("/") and len(word) > 2:
        expression = re.compile(word[1:-1], re.IGNORECASE)
        return lambda line: bool(expression.search(line["message"]))
    named = re.match(r"([A-Za-z_@][\w.@-]*)(>=|=|:)(.*)", word)
    if not named:
        return lambda line: word.lower() in line["message"].lower()
    field, operator, value = named.groups()
    if operator == ">=":
        if value not in LEVELS:
            at = query.index(word) + len(field) + 3
            raise WrongQuery(f"{value!r} is no level, such as error", at)
        return lambda line: line["level"] in LEVELS[LEVELS.index(value) :]
    if operator == ":":
        return lambda line: value.lower() in str(_field(line, field)).lower()
    return lambda line: str(_field(line, field)).lower() == value.lower()


def _field(line: Line, name: str) -> Any:
    return line[name] if name in ("level", "source", "message") else line["fields"].get(name)


class Logs:
    """Lines that grow, and the server that shows them; use it in a `with` statement.

    Beside `send` there are switches for what can go wrong: `token` (a log-in is asked for), `cut()`
    (connections break), `refuse` (a status for every new stream), `slow` (searches wait for it),
    `slow_bars` (histograms do), `table` (the answer of each query for figures, or a function that
    returns it), `is_without_zones` (a table refuses `tz`), `ahead` (so much later it is), `trouble` (a
    sentence: nothing can be stored), `told` (sends an answer with its progress), `hint` (what was meant),
    `saved` (searches that the server keeps; None: it keeps none), `damaged` (a sentence: those cannot be
    read), `alerts` (what it tells of them), `slow_alerts` (counting waits).
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        # The position of the first line of each line's record.
        self.records: dict[str, str] = {}
        self.joiner = Joiner()
        self.changed = threading.Condition()
        self.token = False
        self.refuse = 0
        self.trouble = ""
        # Who asks, as /api/me tells.
        self.reader: dict[str, Any] = {"name": None, "may": [], "only": None, "log_out": False}
        self.slow = threading.Event()
        self.slow.set()
        self.slow_bars = threading.Event()
        self.slow_bars.set()
        self.table: dict[str, Any] | Callable[[dict[str, str]], dict[str, Any]] | None = None
        self.ahead = timedelta()
        self.hint = ""
        self.saved: list[dict[str, Any]] | None = None
        self.damaged = ""
        self.boards: dict[str, dict[str, Any]] = {}
        # What was sent to import boards.
        self.imported: list[dict[str, Any]] = []
        self.alerts = FakeAlerts()
        self.slow_alerts = threading.Event()
        self.slow_alerts.set()
        self.generation = 0
        self.missed: list[tuple[int, int]] = []
        self.asked: list[str] = []
        self.is_without_zones = False
        self.told: Callable[[BaseHTTPRequestHandler, object], None] | None = None
        self.headers: list[dict[str, str]] = []

    def __enter__(self) -> Logs:
        logs = self

        class Handler(_Handler):
            server_logs = logs

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_END_SEEN,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def send(self, *messages: str, source: str = "tcp:192.0.2.7:40123", **about: Any) -> None:
        """Log lines now; `time`: a datetime, `level`, and whatever fields there are."""
        with self.changed:
            for message in messages:
                line = self._line(message, source, dict(about))
                stored = f"{line['time']} {source} {message}".encode("utf-8", "replace")
                first = self.joiner.first_line(ParsedLine(stored, line["position"]))
                self.records[line["position"]] = str(first.position)
                self.lines.append(line)
            self.changed.notify_all()

    def joined(self, line: Line) -> Line:
        """Return a line with the position of the first line of its record, if that is another one."""
        first = self.records[line["position"]]
        return line if first == line["position"] else {**line, "continues": first}

    def _line(self, message: str, source: str, about: dict[str, Any]) -> Line:
        time = about.pop("time", None) or self.now()
        level = about.pop("level", None)
        segment, offset = divmod(len(self.lines), 1000)
        return {
            "position": f"{segment + 1}:{offset * 100}",
            "time": time.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z",
            "source": source,
            "message": message,
            "level": level,
            "fields": about,
        }

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def miss(self, lines: int) -> None:
        """Say that so many lines were left out behind the last one."""
        with self.changed:
            self.missed.append((len(self.lines), lines))
            self.changed.notify_all()

    def replace(self) -> None:
        """Start again with another store, which is empty."""
        with self.changed:
            self.lines.clear()
        self.cut()

    def cut(self) -> None:
        """End all streams."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error; a bug of the fake is seen in what it answers."""


class _Handler(BaseHTTPRequestHandler):
    server_logs: Logs
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        if self.path == BOARD_FILE:
            self._import_board(self.rfile.read(int(self.headers["Content-Length"])))
            return
        if self.path.startswith("/api/"):
            self._change_alerts()
            return
        given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path == LOG_IN and given.get("token") == [TOKEN]:
            self.send_response(204)
            self.send_header("Set-Cookie", "logsrv=yes; HttpOnly; SameSite=Strict; Path=/")
            self.end_headers()
        else:
            self._answer(b'{"error": "the token is wrong"}', status=401)

    def do_GET(self) -> None:
        try:
            self._route()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except ValueError as error:
            self._answer(json.dumps({"error": f"since: {error}"}).encode(), status=400)
        except WrongQuery as error:
            self._answer(json.dumps({"error": str(error), "at": error.at}).encode(), status=400)

    def _route(self) -> None:
        address = urlsplit(self.path)
        self.server_logs.asked.append(self.path)
        self.server_logs.headers.append(dict(self.headers))
        given = {name: values[-1] for name, values in parse_qs(address.query).items()}
        static = find_static(address.path)
        if address.path in PAGES:
            page = PAGES[address.path]()
            self._answer(page.body, page.content_type)
        elif address.path == "/door":
            self._answer(log_in_page("the token is wrong").body, live_page().content_type)
        elif static is not None:
            asset, caching = static
            self._answer(asset.body, asset.content_type, caching=caching)
        elif self.server_logs.token and "logsrv=yes" not in self.headers.get("Cookie", ""):
            self._answer(b'{"error": "a token is needed"}', status=401)
        elif address.path == "/metrics":
            counts = {
                '{listener="web"}': 3.0,
                '{listener="tcp:1"}': 1.0,
                '{listener="http tcp:2"}': 9.0,
                '{listener="metrics tcp:3"}': 1.0,
                '{listener="inspect unix:/run/inspect"}': 1.0,
            }
            told = [f"logsrv_connections_open{label} {count}\n" for label, count in counts.items()]
            told.append('logsrv_ship_up{target="centre"} 1.0\n')
            self._answer("".join(told).encode(), "text/plain")
        elif address.path == "/healthz":
            sick = self.server_logs.trouble
            self._answer(
                json.dumps({"error": sick} if sick else {}).encode(), status=503 if sick else 200
            )
        elif address.path == "/api/tail":
            self._tail(given)
        elif address.path.startswith("/api/"):
            getattr(self, "_" + address.path.removeprefix("/api/"))(given)
        else:
            self._answer(b"{}", status=404)

    def _answer(
        self,
        body: bytes,
        content_type: str = "application/json",
        status: int = 200,
        caching: str = "no-store",
    ) -> None:
        self._head(content_type, len(body), status, caching)
        self.wfile.write(body)

    def _head(
        self, content_type: str, length: int, status: int = 200, caching: str = "no-store"
    ) -> None:
        self.send_response(status)
        self.send_header("Cache-Control", caching)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.server_logs.hint:
            self.send_header("Logsrv-Hint", self.server_logs.hint)
        self.end_headers()

    def _json(self, value: object) -> None:
        if "progress=1" not in self.path:
            self._answer(json.dumps(value).encode())
        elif self.server_logs.told is None:
            self._answer(json.dumps({"answer": value}).encode() + b"\n")
        else:
            self.server_logs.told(self, value)

    def _found(self, given: dict[str, str]) -> Iterator[Line]:
        test = compiled(given.get("q", ""))
        now = self.server_logs.now()
        since, until = (_moment(given.get(name, ""), now) for name in ("since", "until"))
        for line in list(self.server_logs.lines):
            time = datetime.fromisoformat(line["time"])
            if test(line) and (not since or time >= since) and (not until or time < until):
                yield line

    def _search(self, given: dict[str, str]) -> None:
        found = list(self._found(given))
        if "before" in given:
            found = [one for one in found if key(one["position"]) < key(given["before"])]
        if "after" in given:
            found = [one for one in found if key(one["position"]) > key(given["after"])]
        if "source" in given:
            found = [one for one in found if fnmatchcase(one["source"], given["source"])]
        if given.get("reverse") == "1":
            found.reverse()
        limit = int(given.get("limit", "1000"))
        lines = found[-limit:] if given.get("newest") == "1" else found[:limit]
        if "join" in given and not given.get("q"):
            lines = [self.server_logs.joined(line) for line in lines]
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        self._head("application/x-ndjson", len(body))
        self.wfile.flush()
        assert self.server_logs.slow.wait(PATIENCE)
        self.wfile.write(body)

    def _table(self, given: dict[str, str]) -> None:
        assert self.server_logs.slow.wait(PATIENCE)
        if given.get("tz") and self.server_logs.is_without_zones:
            self._answer(b'{"error": "tz: this machine knows no such zone"}', status=400)
            return
        if (table := self.server_logs.table) is not None:
            found = table(given) if callable(table) else table
            if found["every"]:
                limits = (found["since"], found["until"])
                steps = steps_of_rows(Steps(found["every"]), found["rows"], *limits)
                found = {"steps": steps, **found}
            self._json(found)
            return
        count = len(list(self._found({**given, "q": given["q"].partition("|")[0]})))
        none: list[str] = []
        self._json(
            {"columns": ["count"], "rows": [[count]], "by": none, "groups": 1, "lines": count}
            | {"without": none, "left_out": 0, "exact": True, "absent": none, "missed": 0}
            | {"every": None, "since": None, "until": None}
        )

    def _saved(self, _: dict[str, str]) -> None:
        saved = self.server_logs.saved
        if self.server_logs.damaged:
            self._answer(json.dumps({"error": self.server_logs.damaged}).encode(), status=503)
            return
        boards = [{"name": name, **board} for name, board in self.server_logs.boards.items()]
        searches = [{**one, **_template(one)} for one in saved or []]
        about: dict[str, Any] = {"enabled": saved is not None}
        if self.server_logs.reader["name"] is not None:
            about = {"enabled": False, "why_not": "this reader may not change saved searches"}
        self._json({**about, "saved": searches, "boards": boards})

    def _alerts(self, _: dict[str, str]) -> None:
        self._answer_alerts(*self.server_logs.alerts.list())

    def _would_fire(self, given: dict[str, str]) -> None:
        assert self.server_logs.slow_alerts.wait(PATIENCE)
        self._answer_alerts(*self.server_logs.alerts.count(given["alert"]))

    def _change_alerts(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        value = json.loads(content) if content else None
        self._answer_alerts(*self.server_logs.alerts.change(self.command, self.path, value))

    def _answer_alerts(self, status: int, answer: dict[str, Any]) -> None:
        self._answer(json.dumps(answer).encode(), status=status)

    def do_PUT(self) -> None:
        if self.path.startswith("/api/alerts/"):
            self._change_alerts()
            return
        logs, name = self.server_logs, unquote(self.path.rpartition("/")[2])
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "panels" in given:
            logs.boards[name] = given
        else:
            others = [one for one in logs.saved or [] if one["name"] != name]
            logs.saved = [*others, {"name": name, **given}]
        self._saved({})

    def _import_board(self, body: bytes) -> None:
        """Do what the server does, with what is saved here."""
        logs = self.server_logs
        logs.imported.append(json.loads(body))
        sent = {"getHeader": lambda _: b"application/json", "body_size": len(body)}
        entries = {
            one["name"]: {part: one[part] for part in one if part != "name"}
            for one in logs.saved or []
        } | logs.boards
        try:
            request: Any = SimpleNamespace(content=io.BytesIO(body), **sent)
            more = read_import(request)(entries) or {}
        except Problem as problem:
            self._answer(problem.body, status=problem.status)
            return
        logs.boards = {name: one for name, one in entries.items() if "panels" in one}
        logs.saved = [{"name": name, **one} for name, one in entries.items() if "panels" not in one]
        self._json({"enabled": True, "saved": logs.saved, "boards": [], **more})

    def do_DELETE(self) -> None:
        if not self.path.startswith("/api/saved/"):
            self._change_alerts()
            return
        del self.server_logs.boards[unquote(self.path.rpartition("/")[2])]
        self._saved({})

    def _show(self, given: dict[str, str]) -> None:
        lines = self.server_logs.lines
        at = [line["position"] for line in lines]
        if given["position"] not in at:
            self._answer(b'{"error": "There is no such line."}', status=404)
            return
        index = at.index(given["position"])
        first = max(0, index - int(given.get("before", "5")))
        self._json({"lines": lines[first : index + int(given.get("after", "5")) + 1]})

    def _record(self, given: dict[str, str]) -> None:
        records, position = self.server_logs.records, given["position"]
        if position not in records:
            self._answer(b'{"error": "There is no such line."}', status=404)
            return
        found = [
            one for one in self.server_logs.lines if records[one["position"]] == records[position]
        ]
        self._json({"lines": [self.server_logs.joined(one) for one in found]})

    def _histogram(self, given: dict[str, str]) -> None:
        now = self.server_logs.now()
        since = _moment(given.get("since", ""), now) or now - timedelta(minutes=15)
        until = _moment(given.get("until", ""), now) or self._newest() + timedelta(seconds=1)
        wide = (until - since).total_seconds() / int(given.get("buckets", "60"))
        step = next(one for one in (1, 2, 5, 10, 30, 60, 300, 600, 3600, 86400) if one >= wide)
        first = int(since.timestamp() // step * step)
        starts = range(first, math.ceil(until.timestamp()), step)
        buckets: dict[int, Counter[str]] = {start: Counter() for start in starts}
        for line in self._found(given | {"since": since.isoformat(), "until": until.isoformat()}):
            moment = datetime.fromisoformat(line["time"]).timestamp()
            counts = buckets.setdefault(int(moment // step * step), Counter())
            counts.update(["lines", *([line["level"]] if line["level"] else [])])
        answer = [
            {
                "time": datetime.fromtimestamp(start, UTC).isoformat(),
                "count": counts.pop("lines", 0),
                "levels": counts,
            }
            for start, counts in sorted(buckets.items())
        ]
        ends = {"since": since.isoformat(), "until": until.isoformat()}
        assert self.server_logs.slow_bars.wait(PATIENCE)
        end = datetime.fromtimestamp(max(buckets, default=0) + step, UTC).isoformat()
        self._json({**ends, "step": step, "end": end, "buckets": answer})

    def _newest(self) -> datetime:
        return max(datetime.fromisoformat(line["time"]) for line in self.server_logs.lines)

    def _top(self, given: dict[str, str]) -> None:
        values = [_field(line, given["field"]) for line in self._found(given)]
        counts = Counter(str(value) for value in values if value is not None)
        limit = int(given.get("limit", "10"))
        common = [{"value": value, "count": count} for value, count in counts.most_common(limit)]
        self._json({"field": given["field"], "total": counts.total(), "values": common})

    def _patterns(self, given: dict[str, str]) -> None:
        logs = self.server_logs
        since = logs.lines[-1]["time"] if given.get("new_since") else ""
        query, _, stage = given.get("q", "").partition("| patterns")
        by = stage.partition(" by ")[2]
        found = [line for line in self._found({**given, "q": query}) if line["time"] >= since]
        first: dict[str, dict[str, Any]] = {}
        texts = [re.sub("[0-9]+", "<n>", line["message"]) for line in found]
        for text, line in zip(texts, found, strict=True):
            first.setdefault(text, line)
        rows = [
            {
                **({"value": _field(first[text], by)} if by else {}),
                "pattern": text,
                "app": first[text].get("app") or "",
                "level": first[text].get("level"),
                "count": count,
                "first": first[text]["time"],
                "position": first[text]["position"],
                "query": '"' + text.partition(" ")[0] + '"',
            }
            for text, count in Counter(texts).most_common()
        ]
        self._json(
            {
                "lines": len(found),
                "forgotten": 0,
                "since": None,
                "total": len(rows),
                "patterns": rows,
            }
        )

    def _fields(self, given: dict[str, str]) -> None:
        found = list(self._found(given))
        counts = Counter(name for line in found for name in line["fields"])
        fields = [{"name": name, "lines": count} for name, count in counts.most_common()]
        self._json({"fields": fields, "sampled": len(found)})

    def _me(self, _: dict[str, str]) -> None:
        self._json(self.server_logs.reader)

    def _stats(self, _: dict[str, str]) -> None:
        lines = self.server_logs.lines
        self._json(
            {
                "segments": 3,
                "lines": len(lines),
                "bytes": 120 * len(lines),
                "compressed": 9 * len(lines),
                "oldest": lines[0]["time"] if lines else None,
                "newest": self._newest().isoformat() if lines else None,
                "position": f"9:{len(lines)}",
            }
        )

    def _tail(self, given: dict[str, str]) -> None:
        logs = self.server_logs
        test = compiled(given.get("q", ""))
        if logs.refuse:
            self._answer(b'{"error": "too much at once"}', status=logs.refuse)
            return
        after = self.headers.get("Last-Event-ID") or given.get("after")
        at = len(logs.lines)
        if after:
            at = sum(key(line["position"]) <= key(after) for line in logs.lines)
        generation, missed = logs.generation, len(logs.missed)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        if after and key(after) > max(
            (key(line["position"]) for line in logs.lines), default=(0, 0)
        ):
            at = 0
            self.wfile.write(b'event: missed\ndata: {"lines": null, "from": "1:0"}\n\n')
        while generation == logs.generation:
            with logs.changed:
                while (len(logs.lines), len(logs.missed), logs.generation) == (
                    at,
                    missed,
                    generation,
                ):
                    logs.changed.wait(PATIENCE)
                new, at = logs.lines[at:], len(logs.lines)
                gaps, missed = logs.missed[missed:], len(logs.missed)
            events = [
                f"id: {line['position']}\nevent: line\ndata: {json.dumps(line)}\n\n"
                for line in (new if given.get("q") else map(logs.joined, new))
                if test(line)
            ]
            events += [
                f"event: missed\ndata: {json.dumps({'lines': lines})}\n\n" for _, lines in gaps
            ]
            self.wfile.write("".join(events).encode())


def _template(search: dict[str, Any]) -> dict[str, Any]:
    found = [] if "error" in search else template_of(search.get("q", ""))
    return {"template": found} if found else {}


def _moment(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    return datetime.fromtimestamp(parse_moment(text, now.timestamp(), utc=True), UTC)
