"""Boards of a real daemon in a real browser: variables in its queries, files from one server to another."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.chromium import Chromium, Page
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.programs import program

pytestmark = pytest.mark.long
SETTLED = "document.querySelector('.board-panel') && !document.querySelector('.board-panel.stale')"
OPEN = "document.querySelector('#variable').open"
DOCS = Path(__file__).parents[2] / "docs/http.md"
SEARCHES: dict[str, dict[str, str]] = {
    "lines": {"q": "hostname=$host | count", "last": "1h"},
    "parts": {
        "q": "| count as all, count if (hostname=$host) as of, count if (NOT hostname=$host) as rest",
        "last": "1h",
    },
    "worst": {"q": "level>=$worst OR hostname!=$host | count", "last": "1h"},
}
BOARD = {"panels": [{"search": name, "as": "table"} for name in SEARCHES]}
LINES = b"".join(
    b"level=%s hostname=%s msg=x\n" % pair
    for pair in ((b"error", b"web1"), (b"info", b"web1"), (b"info", b'"a \\" b"'))
)


def open_page(browser: Chromium, server: Logger, path: str) -> Page:
    return browser.page(f"http://127.0.0.1:{server.ports()[1]}/{path}")


def figures(page: Page) -> list[list[str]]:
    """Return the numbers of each panel."""
    read = "(one) => [...one.querySelectorAll('td')].map((cell) => cell.textContent)"
    found: list[list[str]] = page.run(f"[...document.querySelectorAll('.board-panel')].map({read})")
    return found


def test_all_values_are_all_lines_and_a_value_is_that_value(logger, browser, tmp_path):
    """Lines without the field count, too; a value with quotation marks and a pipe is one value."""
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({**SEARCHES, "shop": BOARD}))
    server = logger("--http", LOOPBACK, "--saved", str(saved))
    server.send(LINES + b"level=info msg=without\n")
    page = open_page(browser, server, "board?name=shop")
    page.wait(f"document.querySelectorAll('.board-panel').length === 3 && {SETTLED}")
    assert figures(page) == [["4"], ["4", "4", "4"], ["4"]]
    page.click("#variables button")
    page.wait(f"{OPEN} && document.querySelectorAll('#variable-values li').length === 3")
    assert page.texts("#variable-values .name") == ["All", "web1", 'a " b']
    page.write('a " b')
    page.press("Enter")
    page.wait(f"location.search.includes('var.host=') && {SETTLED}")
    wait_until(lambda: figures(page) == [["1"], ["4", "1", "3"], ["4"]], "figures of one host")
    page.run("document.querySelectorAll('#variables button')[1].click()")
    page.wait(f"{OPEN} && document.querySelectorAll('#variable-values li').length === 3")
    page.write("error")
    page.press("Enter")
    # The line with an error, and the one of web1 that has another host.
    wait_until(lambda: figures(page)[2] == ["2"], "figures of errors")
    link = page.run("document.querySelectorAll('h2 a')[2].href")
    page.go(link)
    page.wait("document.querySelector('#table td')")
    assert page.run("document.querySelector('#q').value") == (
        'level>=error OR hostname!="a \\" b" | count'
    )
    assert page.complaints == []


def test_the_live_page_says_that_a_variable_belongs_to_a_board(logger, browser):
    server = logger("--http", LOOPBACK)
    server.send(LINES)
    page = open_page(browser, server, "?q=hostname%3D%24host")
    page.wait("document.querySelector('.query-hint')?.checkVisibility()")
    assert "$host is a variable: a board with this search offers its values" in page.text(
        ".query-hint"
    )


def test_a_board_goes_from_one_server_to_another_by_its_file(logger, browser, tmp_path):
    """By the page; then by the two commands of the docs, for programs and for operators."""
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    here.write_text(json.dumps({**SEARCHES, "shop": BOARD, "other": {"q": "x"}}))
    page = open_page(browser, logger("--http", LOOPBACK, "--saved", str(here)), "board?name=shop")
    page.wait(f"document.querySelectorAll('.board-panel').length === 3 && {SETTLED}")
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#export")
    file = tmp_path / "logsrv-board-shop.json"
    wait_until(lambda: file.exists() and file.read_text().endswith("}\n"), "the file")
    (tmp_path / "elsewhere").mkdir()
    server = logger("--http", LOOPBACK, "--saved", str(there), directory=tmp_path / "elsewhere")
    page = open_page(browser, server, "board")
    page.wait("!document.querySelector('#import-form').hidden")
    choose_file(page, file)
    page.wait("document.querySelector('#import').open")
    page.click("#import-submit")
    page.wait(f"location.search === '?name=shop' && {SETTLED}")
    assert json.loads(there.read_text()) == {**SEARCHES, "shop": BOARD}
    assert page.complaints == []
    for one in ("jq", "curl"):
        program(one, one)
    over_http, into_file = re.findall(r"```sh\n(jq .+?)```", DOCS.read_text(), re.DOTALL)
    there.write_text("{}")
    shell(over_http.replace("127.0.0.1:8080", f"127.0.0.1:{server.ports()[1]}"), tmp_path)
    assert json.loads(there.read_text()) == {**SEARCHES, "shop": BOARD}
    (tmp_path / "saved.json").write_text('{"mine": {"q": "x"}, "lines": {}}')
    shell(into_file, tmp_path)
    assert json.loads((tmp_path / "saved.json").read_text()) == {
        "mine": {"q": "x"},
        **SEARCHES,
        "shop": BOARD,
    }


def choose_file(page: Page, file: Path) -> None:
    root: Any = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#import-file")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)


def shell(command: str, folder: Path) -> None:
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, timeout=PATIENCE)
