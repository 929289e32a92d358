"""Ordinary questions of an operator: on the live page one typed query or at most three clicks each, in a
terminal one plain line each.

Numbers are compared with counts of the same lines in Python.
"""

import csv
import io
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.chromium import Page
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start

pytestmark = pytest.mark.long
ROWS = "document.querySelectorAll('#table tbody tr').length"
LINES = "[...document.querySelectorAll('.line .message')].map((one) => one.textContent)"
ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
HOSTILE = "<img/src=x/onerror=alert(1)>"


@pytest.fixture
def server(logger: Start) -> Logger:
    return logger("--http", LOOPBACK)


class Planted:
    """Lines of several services, and what they are made of."""

    def __init__(self) -> None:
        chance = random.Random(37)
        self.requests = [
            (f"10.0.0.{chance.randrange(5)}", chance.choice((200, 200, 200, 301, 404, 500)), size)
            for size in chance.sample(range(100, 9000), 60)
        ]
        self.calls = [
            (chance.choice(("shop", "billing", "auth")), chance.choice(("info", "error")), ms)
            for ms in chance.sample(range(1, 5000), 80)
        ]
        self.failed = [chance.choice(ADDRESSES) for _ in range(30)]

    def lines(self) -> list[str]:
        access = '{} - - [26/Nov/2026:05:00:00 +0000] "GET / HTTP/1.1" {} {} "-" "curl/8"'
        login = "<38>Nov 26 05:00:00 web1 sshd[7]: Failed password for root from {} port 4711 ssh2"
        return [
            *(access.format(*one) for one in self.requests),
            *(f"level={level} app={app} msg=done ms={ms}" for app, level, ms in self.calls),
            *(login.format(address) for address in self.failed),
            *(
                f"app={app} trace=5f3a9c step={number}"
                for number, app in enumerate(("a", "b", "c"))
            ),
        ]


def rows(page: Page) -> list[list[str]]:
    """Return the cells of the table, without buttons for exclusion."""
    cells = "[...row.cells].map((cell) => cell.innerText.replace('−', '').trim())"
    found: list[list[str]] = page.run(
        f"[...document.querySelectorAll('#table tbody tr')].map((row) => {cells})"
    )
    return found


def ask(page: Page, query: str) -> None:
    page.fill("#q", query)
    page.wait(f"new URLSearchParams(location.search).get('q') === {query!r}")


def answers(page: Page, query: str, expected: Counter[str]) -> None:
    """See the table of a query; that of the query before may stand there for a while."""
    shows(page, query, as_text(expected))


def shows(page: Page, query: str, table: dict[str, str]) -> None:
    """See the last cell of each row by its first one."""
    ask(page, query)
    page.wait(f"!document.querySelector('#table').hidden && {ROWS} > 0")
    wait_until(lambda: {row[0]: row[-1] for row in rows(page)} == table, f"the table {table}")


def downloaded_csv(page: Page) -> list[list[str]]:
    choose(page, "#download-format", "csv")
    text = page.run("fetch(document.querySelector('#download').href).then((one) => one.text())")
    return list(csv.reader(io.StringIO(text)))


def choose(page: Page, menu: str, value: str) -> None:
    change = f"menu.value = {value!r}; menu.dispatchEvent(new Event('change'));"
    page.run(f"((menu) => {{ {change} }})(document.querySelector({menu!r}))")


def as_text(counts: Counter[str]) -> dict[str, str]:
    return {name: f"{count:,}" for name, count in counts.items()}


def test_ordinary_questions_are_answered_by_one_query_or_three_clicks(server, browser):
    planted = Planted()
    lines = planted.lines()
    server.send("".join(f"{line}\n" for line in lines).encode())
    server.wait_for_messages(len(lines))
    url = f"http://127.0.0.1:{server.ports()[1]}/"
    page = browser.page(url)
    page.wait(f"{LINES}.length > 100")

    errors = Counter(app for app, level, _ in planted.calls if level == "error")
    # A status of the server's errors is an error, too.
    errors["(none)"] = sum(status >= 500 for _, status, _ in planted.requests)
    answers(page, "level>=error | count by app", errors)

    ask(page, "| sort ms | limit 10")
    page.wait("document.querySelectorAll('.line.sorted').length === 10")
    slowest = sorted((ms for *_, ms in planted.calls), reverse=True)[:10]
    assert page.texts(".line .number") == [f"{ms:,} ms" for ms in slowest]
    page.wait("document.querySelector('#connection').textContent === 'Not live: sorted lines'")

    failed = '"Failed password" | extract "from <address> port" | count by address'
    answers(page, failed, Counter(planted.failed))

    sizes: Counter[str] = Counter()
    for client, _, size in planted.requests:
        sizes[client] += size
    table = {name: f"{size / 1024:.1f} KiB" for name, size in sizes.items()}
    shows(page, "bytes=* | sum bytes by client", table)

    ask(page, "status=*")
    page.wait("document.querySelector('#histogram-total').textContent === '60 lines'")
    choose(page, "#by", "status_class")
    page.wait("document.querySelector('#legend.by-field')")
    page.run("document.querySelector('#histogram').focus()")
    page.press("Home")
    page.press("End", shift=True)
    classes = Counter(f"{status // 100}xx" for _, status, _ in planted.requests)
    told = " · ".join(["60 lines", *(f"{name} {classes[name]}" for name in sorted(classes))])
    page.wait(f"document.querySelector('#histogram-status').textContent.endsWith(' · {told}')")
    assert "by=status_class" in page.run("location.search")

    ask(page, "trace=5f3a9c")
    page.wait(f"{LINES}.length === 3")
    assert page.run(LINES) == lines[-3:]

    page.click(".line:first-child .message")
    page.wait("document.querySelector('.details')")
    page.click(".details .tools button[title^='±5 s']")
    # Of an access log, the row begins with the request.
    page.wait(f"{LINES}[0].startsWith('GET / ') && {LINES}.includes({lines[-1]!r})")
    page.press("Backspace")
    page.wait(f"{LINES}.length === 3 && !location.search.includes('since')")

    ask(page, "hostname=web2 level=warning")
    page.wait("document.querySelector('#connection.live')")
    server.send(
        b"<36>Nov 26 05:00:01 web1 cron[1]: not here\n<36>Nov 26 05:00:01 web2 cron[1]: here\n"
    )
    page.wait(f"{LINES}.length === 1 && {LINES}[0].endsWith('here')")

    page.go(f"{url}?q=app%3Dshop&since=2020-01-01&until=2100-01-01")
    shop = [ms for app, _, ms in planted.calls if app == "shop"]
    page.wait(f"{LINES}.length === {len(shop)}")
    page.wait(f"document.querySelector('#download-number').textContent === '{len(shop)} lines'")
    page.click("#download-button")
    head, *records = downloaded_csv(page)
    assert head == ["position", "time", "source", "level", "message"]
    assert [int(record[-1].rpartition("=")[2]) for record in records] == shop
    page.go(f"{url}?q=app%3Dshop&columns=ms,status_class,app,message")
    page.wait(f"{LINES}.length === {len(shop)}")
    head, *records = downloaded_csv(page)
    assert head == ["ms", "status_class", "app", "message"]
    assert sorted(int(record[0]) for record in records) == sorted(shop)
    assert page.complaints == []


def start_after_old_lines(logger: Start, home: Path) -> tuple[Logger, set[str]]:
    """Start a server whose store has lines of three days ago, send others; return their new patterns."""
    before, now = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    (home / "old.log").write_text(
        "".join(f"{before.isoformat()} {text}\n" for text in ("backup 7 done", "user 5 came"))
    )
    done = logsrv("import", "--directory", str(home / "store"), str(home / "old.log"))
    assert done.returncode == 0, done.stderr
    server = logger("--http", LOOPBACK)
    texts = ["backup 8 done", "disk 3 is full", "user 6 came", "disk 4 is full", "user 6 left"]
    server.send("".join(f"{now.isoformat()} {text}\n" for text in texts).encode())
    server.wait_for_messages(len(texts))
    shapes = {re.sub("[0-9]+", "<n>", text) for text in texts}
    return server, shapes - {"backup <n> done", "user <n> came"}


def test_new_messages_since_yesterday(logger, browser, tmp_path):
    """The panel of patterns, its menu, and a pattern: three clicks; in a terminal one line."""
    server, new = start_after_old_lines(logger, tmp_path)
    page = browser.page(f"http://127.0.0.1:{server.ports()[1]}/")
    page.wait(f"{LINES}.length > 1")
    page.click("#patterns-button")
    choose(page, "#patterns-new", "yesterday")
    page.wait("document.querySelector('#pattern-note').textContent.includes('since then')")
    assert {one.removeprefix("<time> ") for one in page.texts("#pattern-list .name")} == new
    page.click("#pattern-list button")
    page.wait(f"{LINES}.length === 2 && {LINES}.every((one) => one.endsWith('is full'))")

    found = ask_terminal(server, "--patterns", "--new-since", "yesterday", "--output", "json")
    shown = [json.loads(row)["pattern"] for row in found]
    assert {one.removeprefix("<time> ") for one in shown} == new


def ask_terminal(server: Logger, *words: str, command: str = "search") -> list[str]:
    done = logsrv(command, "--directory", str(server.store), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


def test_a_terminal_answers_the_same_questions_by_one_plain_line(server):
    planted = Planted()
    lines = planted.lines()
    server.send("".join(f"{line}\n" for line in lines).encode())
    server.wait_for_messages(len(lines))

    def figures(*words: str) -> dict[str, int]:
        _, *rows = csv.reader(ask_terminal(server, *words, "--output", "csv"))
        return {row[-2]: int(row[-1]) for row in rows}

    errors = Counter(app for app, level, _ in planted.calls if level == "error")
    errors[""] = sum(status >= 500 for _, status, _ in planted.requests)
    assert figures("level>=error | count by app", "--since", "-1h") == errors
    slowest = ask_terminal(server, "| sort ms | limit 10", "--output", "csv", "--columns", "ms")
    assert [int(ms) for ms in slowest[1:]] == sorted((ms for *_, ms in planted.calls))[:-11:-1]
    failed = '"Failed password" | extract "from <address> port" | count by address'
    assert figures(failed) == Counter(planted.failed)
    sizes: Counter[str] = Counter()
    for client, _, size in planted.requests:
        sizes[client] += size
    assert figures("bytes=* | sum bytes by client") == sizes
    classes = Counter(f"{status // 100}xx" for _, status, _ in planted.requests)
    assert figures("status=* | count every 1d by status_class") == classes
    assert figures("--top", "status_class") == classes
    assert ask_terminal(server, "trace=5f3a9c", "--output", "raw") == lines[-3:]
    first = json.loads(ask_terminal(server, "trace=5f3a9c", "-n", "1", "--output", "json")[0])
    around = ask_terminal(server, "--around", first["position"], "--output", "raw")
    assert Counter(around) == Counter(lines)
    assert (
        ask_terminal(server, "hostname=web1", "-n", "2", "--output", "raw", command="tail")
        == [one for one in lines if "web1" in one][-2:]
    )
    shop = [(level, str(ms)) for app, level, ms in planted.calls if app == "shop"]
    columns = ("--output", "csv", "--columns", "level,ms")
    assert list(map(tuple, csv.reader(ask_terminal(server, "app=shop", *columns))))[1:] == shop


def test_a_table_is_sorted_narrowed_and_drawn(server, browser):
    """Headers sort by keyboard; a group's value leads to its lines; nothing in a value becomes HTML."""
    server.send(f"app={HOSTILE} n=7 at=1\napp=b n=70 at=2\napp=b n=5 at=3\n".encode())
    server.wait_for_messages(3)
    page = browser.page(
        f"http://127.0.0.1:{server.ports()[1]}/?q=" + quote("at=* | count, max n by app")
    )
    page.wait(f"{ROWS} === 2")
    assert rows(page) == [["b", "2", "70"], [HOSTILE, "1", "7"]]
    page.run("document.querySelectorAll('#table thead button')[2].focus()")
    page.press("Enter")
    page.press("Enter")
    page.wait("document.querySelector('#table thead [aria-sort=ascending]')")
    assert [row[0] for row in rows(page)] == [HOSTILE, "b"]
    assert page.run("document.querySelectorAll('#table img').length") == 0
    page.click("#table tbody tr:last-child .add")
    page.wait(f"{LINES}.length === 2 && document.querySelector('#q').value === 'at=* app=b'")
    page.run("history.back()")
    page.wait(f"{ROWS} === 2 && !document.querySelector('#table').hidden")

    ask(page, "at=* | max n every 1h by app")
    page.wait("document.querySelectorAll('#table-chart svg .bar').length === 2")
    ask(page, "at=* | avg nosuch")
    said = "document.querySelector('#table-sentence').textContent"
    page.wait(f"{said}.startsWith('3 lines match, none has a number in nosuch')")
    lacks = "document.querySelector('[data-lacks=level]')?.textContent"
    page.wait(f"{lacks} === '3 lines match, none has level'")

    ask(page, "at=* | extract /at=(?P<place>.)/")
    page.wait("document.querySelector('[data-field=place] summary')")
    page.click("[data-field=place] summary")
    page.wait("document.querySelectorAll('[data-field=place] .add').length === 3")
    page.click("[data-field=place] .field-tools button")
    page.wait("document.querySelectorAll('#legend.by-field li').length === 3")
    page.click("[data-field=place] .add")
    page.wait(
        f"{LINES}.length === 1 && document.querySelector('#q').value.endsWith('| where place=1')"
    )
    page.fill("#q", "at=* | coun by app")
    page.wait("!document.querySelector('#query-error').hidden")
    assert page.texts("#query-pointer")[0].index("^") == len("at=* | ")
    assert [one for one in page.complaints if "400" not in one] == []
