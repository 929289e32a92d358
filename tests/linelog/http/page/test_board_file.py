"""Files of boards in a real browser: exported, and imported after a look at what they would change."""

import json
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import BIDI, CONTRAST, CORPUS, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
OPEN = "document.querySelector('#import').open"
REFUSED = "document.querySelector('#import-refused').textContent"
ERROR = "document.querySelector('#import-error').textContent"
NOTICE = "document.querySelector('#notice').textContent"
LIST = "!document.querySelector('#import-form').hidden"


def board(*searches: str) -> dict[str, Any]:
    return {"panels": [{"search": one, "as": "bars"} for one in searches]}


def file_of(*searches: str, name: str = "shop", **parts: Any) -> dict[str, Any]:
    each = [{"name": one, "q": f"{one} x"} for one in searches]
    return {
        "logsrv": "board",
        "version": 1,
        "name": name,
        "board": board(*searches),
        "searches": each,
        **parts,
    }


def give(page: Page, text: str, name: str = "board.json") -> None:
    """Choose a file with this text."""
    page.run(
        f"""{{const data = new DataTransfer();
        data.items.add(new File([{json.dumps(text)}], {json.dumps(name)}));
        const input = document.querySelector('#import-file');
        input.files = data.files;
        input.dispatchEvent(new Event('change'));}}"""
    )


@pytest.fixture
def kept(logs: Logs) -> Logs:
    """A server with a board `shop` of the searches `errors` and `slow`."""
    logs.saved = [{"name": "errors", "q": "errors x"}, {"name": "slow", "q": "mine", "last": "1h"}]
    logs.boards["shop"] = board("errors", "slow")
    return logs


def listed(visit: Any, **how: Any) -> Page:
    page: Page = visit("board", ready=LIST, **how)
    return page


def test_an_exported_board_is_imported_elsewhere(kept, visit, tmp_path):
    """The file of the browser's download, with all that the board needs and nothing else."""
    kept.boards["shop"]["variables"] = {"host": "hostname"}
    assert kept.saved is not None
    kept.saved.append({"name": "other", "q": "x"})
    page: Page = visit(
        "board?name=shop", ready="document.querySelectorAll('.board-panel').length === 2"
    )
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#export")
    path = tmp_path / "logsrv-board-shop.json"
    wait_until(path.exists, "the file")
    wait_until(lambda: path.read_text().endswith("}\n"), "all of the file")
    exported = json.loads(path.read_text())
    assert exported == {
        "logsrv": "board",
        "version": 1,
        "name": "shop",
        "board": kept.boards["shop"],
        "searches": [
            {"name": "errors", "q": "errors x"},
            {"name": "slow", "q": "mine", "last": "1h"},
        ],
    }
    kept.saved.clear()
    kept.boards.clear()
    page.go(kept.url + "board")
    page.wait(LIST)
    give(page, path.read_text())
    page.wait(OPEN)
    assert page.texts("#import-entries .head") == [
        "Board shop: new",
        "Search errors: new",
        "Search slow: new",
    ]
    assert page.texts("#import-entries code") == [
        "errors (bars), slow (bars)",
        "errors x",
        "mine · last: 1h",
    ]
    assert not kept.boards
    page.press("Enter")
    page.wait("location.search === '?name=shop'")
    assert kept.boards["shop"] == exported["board"]
    page.go(kept.url + "board")
    page.wait(LIST)
    give(page, path.read_text())
    page.wait(OPEN)
    assert page.text("#import-note") == "All of this is here already."
    page.click("#import-submit")
    page.wait("location.search === '?name=shop'")


def test_what_is_different_can_be_kept_replaced_or_both(kept, visit):
    """By keyboard alone."""
    page = listed(visit)
    give(page, json.dumps(file_of("errors", "slow")))
    page.wait(OPEN)
    assert page.text("#import-heading") == "Import “shop”"
    assert page.texts("#import-entries legend") == [
        "Board shop: another one is here",
        "Search slow: another one is here",
    ]
    assert page.texts("#import-entries .head") == ["Search errors: the same is here"]
    names = "[...document.querySelectorAll('#import [type=text]')].map((one) => one.value)"
    assert page.run(names) == ["shop (2)", "slow (2)"]
    page.press("Enter")
    page.wait("location.search === '?name=shop%20(2)' || location.search === '?name=shop+%282%29'")
    assert kept.boards == {"shop": board("errors", "slow"), "shop (2)": board("errors", "slow (2)")}
    page.go(kept.url + "board")
    page.wait(LIST)
    give(page, json.dumps(file_of("errors", "slow")))
    page.wait(OPEN)
    page.run("document.querySelectorAll('#import [value=both]')[0].focus()")
    for key in ("ArrowUp", "Tab", "Tab", "ArrowUp"):
        page.press(key)
    assert page.run(
        "[...document.querySelectorAll('#import :checked')].map((one) => one.value)"
    ) == [*("file", "file")]
    page.press("Enter")
    page.wait("location.search === '?name=shop'")
    assert kept.saved is not None and {"name": "slow", "q": "slow x"} in kept.saved


def test_another_name_is_typed_and_one_that_is_there_is_refused(kept, visit):
    page = listed(visit)
    give(page, json.dumps(file_of("errors", "slow")))
    page.wait(OPEN)
    page.run("document.querySelector('#import [value=mine]').click()")
    page.fill("#import li:nth-child(3) [type=text]", "errors")
    page.press("Enter")
    page.wait(f"{ERROR} === 'errors is there already; choose another name'")
    assert page.run(OPEN) and "slow" in page.run(
        "document.querySelector('#import li:nth-child(3) legend').textContent"
    )


def test_what_others_changed_meanwhile_is_shown_again(kept, visit):
    page = listed(visit)
    give(page, json.dumps(file_of("errors")))
    page.wait(OPEN)
    assert kept.saved is not None
    kept.saved[0]["q"] = "another"
    page.press("Enter")
    page.wait(f"{ERROR}.startsWith('another reader has changed')")
    assert page.texts("#import-entries legend")[1:] == ["Search errors: another one is here"]
    assert kept.boards == {"shop": board("errors", "slow")}
    page.press("Escape")
    page.wait(f"!{OPEN}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "This file is not a board: it is not JSON."),
        ('{"take": 1}, "x": {', "This file is not a board: it is not JSON."),
        ("[]", "this file is not a board"),
        (json.dumps(file_of("a", version=2)), "of a newer logsrv"),
        (
            json.dumps(file_of("a", searches=[{"name": "a", "q": "status>="}])),
            "the search a: >= needs a value after it",
        ),
        (json.dumps(file_of("a", name=BIDI)), "the name of the board"),
        ("x" * 58_001, "the file of a board has at most"),
    ],
)
def test_a_wrong_file_has_its_sentence(kept, visit, text, why):
    page = listed(visit)
    give(page, text, name="<b>\u202e.json")
    page.wait(REFUSED)
    said = page.run(REFUSED)
    assert said.startswith("<b>\\u202e.json: ") and why in said
    assert not page.run(OPEN)
    give(page, json.dumps(file_of("errors")))
    page.wait(f"{OPEN} && !{REFUSED}")


def test_names_and_queries_of_strangers_are_text(kept, visit):
    names = [one for one in CORPUS[:10] if len(one) < 200]
    file = file_of(*names, name=CORPUS[0])
    file["searches"] = [{"name": one, "q": '"' + one.replace('"', "") + '"'} for one in names]
    file["name"] = "x" + CORPUS[0]
    kept.saved = [{"name": names[1], "q": CORPUS[9].partition("<")[0] or "x"}]
    page = listed(visit, width=390, height=844)
    give(page, json.dumps(file))
    page.wait(OPEN)
    assert page.run("globalThis.owned ?? null") is None
    assert (
        page.run("document.querySelectorAll('#import :is(script, img, iframe, svg, style)').length")
        == 0
    )
    assert page.run("document.documentElement.scrollWidth") == 390
    page.press("Enter")
    page.wait("location.search.startsWith('?name=')")
    assert page.run("globalThis.owned ?? null") is None


def test_a_search_that_is_wrong_is_not_exported_and_the_page_says_so(kept, visit):
    assert kept.saved is not None
    kept.saved[1] |= {"q": "status>=", "error": "there is nothing to compare with"}
    page = visit("board?name=shop", ready="document.querySelector('.board-panel > .alarm')")
    page.run("URL.createObjectURL = (blob) => (globalThis.blob = blob, '#')")
    page.click("#export")
    page.wait(
        f"{NOTICE} === 'Exported: logsrv-board-shop.json; without slow, whose query is wrong'"
    )
    found = json.loads(page.run("blob.text()"))
    assert [one["name"] for one in found["searches"]] == ["errors"]
    assert found["board"] == board("errors", "slow")


def test_nothing_is_imported_where_nothing_is_saved(logs, visit):
    page = visit("board", ready="document.querySelector('#board-note').textContent")
    assert not page.run("document.querySelector('#import-form').checkVisibility()")
    page.go(logs.url + "board?name=x")
    page.wait("document.querySelector('#board-note').textContent")
    assert not page.run("document.querySelector('#export').checkVisibility()")


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844)]
)
def test_an_import_is_readable_and_accessible(kept, visit, scheme, width, height):
    kept.saved[0]["q"] = "another"
    impacts = ("minor", "moderate", "serious", "critical")
    page = listed(visit, width=width, height=height, prefers_color_scheme=scheme)
    before = set(found_by_axe(page, *impacts))
    assert [one for one in before if "import" in one] == []
    file = file_of("errors", "slow", "third")
    give(page, json.dumps(file))
    page.wait(OPEN)
    assert set(found_by_axe(page, *impacts)) <= before
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
