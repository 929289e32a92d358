"""The live page of a real daemon in a real browser."""

import json
import threading
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.chromium import Chromium, Page
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start
from tests.parts.waits import join
from tests.parts.web_clients import Client

pytestmark = pytest.mark.long
LAST = "[...document.querySelectorAll('.line .message')].at(-1).textContent"
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"
LIVE = "document.querySelector('#connection.live')"


@pytest.fixture
def server(logger: Start) -> Logger:
    return logger("--http", LOOPBACK)


def open_page(browser: Chromium, server: Logger, query: str = "") -> Page:
    return browser.page(f"http://127.0.0.1:{server.ports()[1]}/{query}")


def test_lines_come_and_are_filtered(server, browser):
    """Lines of a client are shown, found, marked, and filtered by a value of a field."""
    server.send(b"level=info msg=hello user=ann\nlevel=error msg=oops user=bob\n")
    page = open_page(browser, server)
    page.wait(f"{COUNT} === 2 && {LIVE}")
    assert page.texts(".line .level") == ["info", "error"]
    server.send(b"level=error msg=again user=ann\n")
    page.wait(f"{LAST} === 'again user=ann'")
    page.fill("#q", "level>=error -oops")
    page.wait(f"{COUNT} === 1")
    page.wait(LIVE)
    server.send(b"level=debug msg=no\nlevel=alert msg=fire\n")
    page.wait(f"{LAST} === 'fire' && {COUNT} === 2")
    page.click(".line:first-child .message")
    page.wait("document.querySelector('.details')")
    page.click("[aria-label='Only lines with user=ann']")
    page.wait(f"{COUNT} === 1 && location.search.includes('user%3Dann')")
    page.wait("document.querySelectorAll('#bars .bar-error').length === 1")
    page.wait("document.querySelector('#field-list').textContent.includes('msg')")
    assert page.complaints == []


def test_a_query_is_asked_of_a_record(server, browser):
    """The level stands in its first line, the class in another: found, and shown live as one row."""
    trace = [
        b"ERROR failed",
        b"\tat a.B(C.java:1)",
        b"Caused by: a.BoomError: 1",
        b"\tat d.E(F.java:2)",
    ]
    server.send(b"\n".join([*trace, b"INFO between", *trace[:2], b"INFO BoomError", b""]))
    page = open_page(browser, server)
    page.wait(f"{COUNT} === 8 && {LIVE}")
    page.fill("#q", "level>=error BoomError")
    page.wait(f"{COUNT} === 4 && {LIVE}")
    rows = "[...document.querySelectorAll('.line:not(.part)')].map((one) => one.innerText)"
    assert (
        len(page.run(rows)) == 1 and "failed" in page.run(rows)[0] and page.texts(".fold") == ["+3"]
    )
    with server.connect() as connection:
        connection.sendall(b"ERROR other\nERROR failed\n")
        server.wait_for_messages(10)
        server.send(b"ERROR of another sender: BoomError\n")
        page.wait(f"{COUNT} === 5")
        connection.sendall(b"\n".join([*trace[1:], b""]))
        page.wait(f"{COUNT} === 9")
    assert page.texts(".line:not(.part) .fold") == ["+3", "+3"]
    assert [one.split()[-2:] for one in page.run(rows)] == [
        ["failed", "+3"],
        ["failed", "+3"],
        ["sender:", "BoomError"],
    ]
    page.run("document.querySelectorAll('.fold button').forEach((one) => one.click())")
    assert page.texts(".line:not(.part) .message")[1] == b"\n".join(trace).decode()
    page.fill("#q", "level>=error -BoomError")
    page.wait(f"{COUNT} === 3 && {LIVE}")
    assert page.complaints == []


def test_fields_with_odd_names_are_clicked_completed_and_columns(server, browser):
    """Names with a slash and other letters stand as they are, those with spaces and commas in backticks."""
    label = "kubernetes.labels.app.kubernetes.io/name"
    lines = []
    for name, path, size in (("shop", "/a b", 1), ("shop", "/c", 2), ("cart", "/c", 3)):
        labels = {"labels": {"app.kubernetes.io/name": name}}
        odd = {"Request Path": path, "größe": size, "a`b, c": size, "no\nline": size, "by": "x"}
        lines.append(json.dumps({"msg": "hello", "kubernetes": labels, **odd}).encode() + b"\n")
    server.send(b"".join(lines))
    page = open_page(browser, server)
    page.wait(f"{COUNT} === 3 && {LIVE}")
    page.click(".line:first-child .message")
    page.wait("document.querySelector('.details')")
    box = "document.querySelector('#q').value"
    for clicked, query, count in (
        (f"{label}=shop", f"{label}=shop", 2),
        ("größe=1", f"{label}=shop größe=1", 1),
        ("a`b, c=1", f"{label}=shop größe=1 `a``b, c`=1", 1),
        ("by=x", f"{label}=shop größe=1 `a``b, c`=1 `by`=x", 1),
        ("Request Path=/a b", f'{label}=shop größe=1 `a``b, c`=1 `by`=x `Request Path`="/a b"', 1),
    ):
        page.wait("document.querySelector('.line') && !document.querySelector('.stale')")
        if not page.run("!!document.querySelector('.details')"):
            page.click(".line:first-child .message")
        page.click(f".details [aria-label='Only lines with {clicked}']")
        page.wait(f"{box} === {json.dumps(query)} && {COUNT} === {count} && {LIVE}")
    assert not page.run("!!document.querySelector('.details [aria-label*=\"line=\"]')")
    page.fill("#q", f"-`Request Path`:b {label}:c")
    page.wait(f"{COUNT} === 1 && {LIVE}")
    page.fill("#q", "")
    page.wait(f"{COUNT} === 3 && {LIVE}")
    page.click(".line:first-child .message")
    for name in ("Request Path", "a`b, c"):
        page.click(f".details [aria-label='Column {name}']")
    page.wait("document.querySelectorAll('#column-names .link').length === 4")
    cells = "[...document.querySelectorAll('.line')].map((one) => one.innerText.includes('/c'))"
    assert page.run(cells) == [False, True, True]
    link = "new URL(document.querySelector('#download').href).searchParams.get('columns')"
    page.run("document.querySelector('#download-format').value = 'csv'")
    page.run("document.querySelector('#download-format').dispatchEvent(new Event('change'))")
    assert page.run(link) == "time,level,`Request Path`,`a``b, c`,message"
    rows = page.run("fetch(document.querySelector('#download').href).then((one) => one.text())")
    assert rows.splitlines()[0] == 'time,level,Request Path,"a`b, c",message'
    page.run("location.reload()")
    page.wait(f"{COUNT} === 3 && {LIVE}")
    assert page.texts("#column-names .link") == ["time", "level", "Request Path", "a`b, c"]
    field = f".field[data-field='{label}']"
    page.wait(f'document.querySelector("{field}")')
    page.run(f'document.querySelector("{field}").open = true')
    page.wait(f'document.querySelectorAll("{field} li .add").length === 2')
    page.run("document.querySelector('#by').value = 'Request Path'")
    page.run("document.querySelector('#by').dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#legend').textContent.includes('/a b')")
    offers = (
        "[...document.querySelectorAll('#completions li')].map((one) => one.firstChild.textContent)"
    )
    for typed, offer, query in (
        ("`request p", "Request Path", "`Request Path`="),
        ("x io/na", label, f"x {label}="),
        ('`Request Path`="/a', "/a b", '`Request Path`="/a b" '),
        ("x | count by gr", "größe", "x | count by größe"),
        ("x | count by `b, c", "a`b, c", "x | count by `a``b, c`"),
    ):
        page.fill("#q", "")
        page.write(typed)
        page.wait(f"{offers}.includes({json.dumps(offer)})")
        page.press("Tab")
        assert page.run(box) == query
    page.fill("#q", "| count by `Request Path`")
    page.wait("document.querySelectorAll('#table tbody tr').length === 2")
    page.click("#table [aria-label='Lines with Request Path=/a b']")
    page.wait(f"{COUNT} === 1 && {box} === '`Request Path`=\"/a b\"'")
    # Of what was typed and not finished.
    assert [one for one in page.complaints if "status of 400" not in one] == []


def test_a_first_page_takes_few_small_files(server, browser):
    page = open_page(browser, server)
    page.wait(LIVE)
    files = page.run(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter((one) => !/\\/(api|metrics|healthz)/.test(one.name))"
        ".map((one) => [one.name, one.encodedBodySize, one.decodedBodySize])"
    )
    assert 3 < len(files) <= 8, files
    assert sum(sent for _, sent, _ in files) < 90_000
    assert all(sent < whole for _, sent, whole in files if whole > 500), files


def test_log_in(logger, browser):
    """A form asks for the token; with it the log is shown, also after the page is loaded again."""
    server = logger("--http", LOOPBACK, "--http-token", "open-sesame")
    server.send(b"secret\n")
    page = open_page(browser, server)
    page.wait("document.querySelector('#token')")
    assert "secret" not in page.text("body")
    page.fill("#token", "guess")
    page.press("Enter")
    page.wait("document.querySelector('#log-in-error').textContent.includes('wrong')")
    page.fill("#token", "open-sesame")
    page.press("Enter")
    page.wait(f"{LIVE} && {COUNT} === 1")
    page.run("globalThis.old = true; location.reload()")
    page.wait(f"!globalThis.old && {LIVE} && {COUNT} === 1")


def test_the_name_column_shows_the_program(server, browser):
    """Or the host, and the program before the message; a click on it finds the same lines and number."""
    server.send(
        b'{"level":30,"time":1,"pid":7,"hostname":"h","name":"shop","msg":"of pino"}\n'
        b'{"time":"","level":"INFO","logger":"shop","message":"of a SocketHandler"}\n'
        b'{"log":"of Docker","stream":"stdout","attrs":{"tag":"shop"}}\n'
        b"<13>Nov 20 06:18:42 h shop[7]: of syslog\n"
        b"plain\n"
    )
    page = open_page(browser, server)
    page.wait(f"{COUNT} === 5")
    assert page.texts(".line .source") == ["h", "shop", "shop", "h", "127.0.0.1"]
    assert page.texts(".line .message") == [
        "shop: of pino pid=7",
        "of a SocketHandler",
        "of Docker stream=stdout",
        "shop[7]: of syslog",
        "plain",
    ]
    # When bars and values have come, the lines are not moved.
    page.wait("document.querySelector('#histogram-total').textContent === '5 lines'")
    page.wait("document.querySelector('[data-field=app]')")
    page.click(".line:first-child .message")
    page.click(".details [aria-label='Only lines with app=shop']")
    page.wait(f"{COUNT} === 4")
    page.click("[data-field=app] summary")
    page.wait("document.querySelector('[data-field=app] li .add')")
    assert page.texts("[data-field=app] li .add") == ["shop 4"]


def number(text: str) -> int:
    return int(text.split()[0].replace(",", ""))


def test_every_number_is_that_of_the_store(server, browser):
    """Bars, values and footer have the numbers of the API and of the file, for each query."""
    kinds = (b"error", b"warning", b"info", b"none")
    server.send(b"".join(b"level=%s n=%d app=%d\n" % (kinds[n % 4], n, n % 3) for n in range(997)))
    messages = server.wait_for_messages(997)
    api = Client(server.ports()[1])
    page = open_page(browser, server, "?last=5m")
    page.wait("document.querySelector('[data-field=app]')")
    page.click("[data-field=app] summary")
    for query, text in (("level>=warning", b"level="), ("app=1", b"app=1"), ("", b"")):
        page.fill("#q", query)
        found = api.ask("/api/top", field="app", q=query).json
        lines = [line for line in messages if text in line]
        if query == "level>=warning":
            lines = [line for line in lines if b"=error" in line or b"=warning" in line]
        page.wait(
            f"document.querySelector('#histogram-total').textContent === '{len(lines)} lines'"
        )
        page.wait(
            f"document.querySelector('#progress').hidden && {COUNT} === {min(200, len(lines))}"
        )
        shown = page.texts("[data-field=app] li .add")
        assert shown == [f"{one['value']} {one['count']}" for one in found["values"]]
        assert sum(one["count"] for one in found["values"]) == len(lines)
    page.wait("document.querySelector('#store').textContent.startsWith('997 lines')")
    assert number(page.text("#store")) == api.ask("/api/stats").json["lines"]


def test_a_full_disk_and_a_new_start(small_disk, tmp_path, browser):
    """A banner shows each while it lasts; then the page has every line, and the right number."""
    (small_disk / "ballast").write_bytes(b"\0" * (2 << 20))
    options = ("--listen", LOOPBACK, "--http", LOOPBACK, "--directory", str(small_disk / "store"))
    server = Logger("logsrv", *options, directory=tmp_path)
    total = "document.querySelector('#histogram-total').textContent"
    with server:
        page = open_page(browser, server)
        page.wait(LIVE)
        sender = threading.Thread(target=server.send, args=(b"a line that needs room\n" * 36_000,))
        sender.start()
        page.wait("document.querySelector('#trouble').textContent.includes('No space left')")
        assert page.text("#connection") == "Connected; lines are not being stored"
        (small_disk / "ballast").unlink()
        join(sender)
        page.wait(f"document.querySelector('#banner').hidden && {LIVE}")
        page.wait(f"{total} === '36,000 lines'")
    page.wait("document.querySelector('#banner').textContent.startsWith('The server is away.')")
    assert "since" in page.text("#trouble")


def test_a_search_saved_on_the_server_is_there_for_all(logger, browser, tmp_path):
    """Another reader chooses it, replaces it and removes it; a restart keeps it."""
    file = tmp_path / "saved.json"
    server = logger("--http", LOOPBACK, "--saved", str(file))
    server.send(b"one\ntwo\n")
    page = open_page(browser, server, "?q=one")
    page.wait(f"{COUNT} === 1")
    page.press("o")
    page.wait("!document.querySelector('#saved-choice').hidden")
    page.run("document.querySelector('#saved-where').value = 'server'")
    page.press("Enter")
    page.wait("!document.querySelector('#saved').open")
    assert file.read_text() == '{\n  "one": {\n    "q": "one"\n  }\n}\n'
    server.stop()
    server = logger("--http", LOOPBACK, "--saved", str(file))
    other = open_page(browser, server)
    other.wait(f"{COUNT} === 2")
    other.press("o")
    other.wait("document.querySelectorAll('#saved-list li').length === 1")
    assert other.texts("#saved-list .note") == ["on the server"]
    other.press("ArrowDown")
    other.press("Enter")
    other.wait(f"{COUNT} === 1 && location.search === '?q=one'")
    other.press("o")
    other.wait("document.querySelectorAll('#saved-list li').length === 1")
    other.press("ArrowDown")
    other.press("Tab")
    other.press("Enter")
    other.wait("document.querySelectorAll('#saved-list li').length === 0")
    assert file.read_text() == "{}\n"
    assert other.complaints == []


def test_a_board_of_twelve_stays_whole_while_the_store_is_rotated(logger, browser, tmp_path):
    saved: Path = tmp_path / "saved.json"
    stages = ("", "| count every 1m by app", "| p95 ms every 1m by app", "| count by app, level")
    searches = {f"s{number}": {"q": stages[number % 4], "last": "1h"} for number in range(12)}
    shapes = ("bars", "lines", "table")
    panels = [{"search": name, "as": shapes[place % 3]} for place, name in enumerate(searches)]
    saved.write_text(json.dumps({**searches, "all": {"panels": panels}}))
    server = logger("--http", LOOPBACK, "--saved", str(saved), "--rotate-size", "64KiB")
    block = b"".join(b"level=info app=a%d ms=%d\n" % (number % 5, number) for number in range(2000))
    server.send(block)
    page = open_page(browser, server, "board?name=all")
    count = "document.querySelectorAll('.board-panel').length"
    page.wait(f"{count} === 12 && !document.querySelector('.board-panel.stale')")
    for _ in range(20):
        server.send(block)
    wait_until(lambda: len(list(server.store.glob("*.log.zst"))) > 10, "sealed segments")
    page.wait(
        "document.querySelector('.board-panel:last-child .table').textContent.includes('8,400')"
    )
    assert page.texts(".board-panel > .alarm") == []
    assert page.complaints == []


def test_the_address_of_logsrv_open_leads_to_the_page(logger, browser, tmp_path):
    """Typed, it logs in; a second time the log-in page says why not, and where the token is."""
    (tmp_path / "token").write_text("correct-horse-battery")
    file = ("--http-token-file", str(tmp_path / "token"))
    server = logger("--http", LOOPBACK, *file)
    server.send(b"hello\n")
    shown = logsrv("open", "--http", f"tcp:{server.ports()[1]}:interface=127.0.0.1", *file)
    address = shown.stdout.decode().strip()
    page = browser.page(address)
    page.wait(f"{COUNT} === 1 && {LIVE}")
    assert page.run("location.pathname + location.search") == "/"
    assert page.complaints == []
    other = browser.page(address)
    other.wait("document.querySelector('#log-in-error').textContent.includes('has been used')")
    assert str(tmp_path / "token") in other.texts(".hint code")
    other.fill("#token", "correct-horse-battery")
    other.click(".log-in button")
    other.wait(f"{COUNT} === 1 && {LIVE}")


def test_a_link_to_the_address_on_another_page_leads_to_the_page(logger, browser, tmp_path):
    """Such as in a chat in the browser, or in a file: the cookie is there when the page is loaded."""
    (tmp_path / "token").write_text("correct-horse-battery")
    file = ("--http-token-file", str(tmp_path / "token"))
    server = logger("--http", LOOPBACK, *file)
    server.send(b"hello\n")
    shown = logsrv("open", "--http", f"tcp:{server.ports()[1]}:interface=127.0.0.1", *file)
    (tmp_path / "chat.html").write_text(f'<a href="{shown.stdout.decode().strip()}">log</a>')
    page = browser.page((tmp_path / "chat.html").as_uri())
    page.wait("document.querySelector('a')")
    page.click("a")
    page.wait(f"{COUNT} === 1 && {LIVE}")
