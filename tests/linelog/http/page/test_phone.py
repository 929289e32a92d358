"""The page and a board on a phone: what a finger has to hit, what is cut, what lies on what."""

from typing import Any

import pytest

from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.conftest import COUNT, LIVE
from tests.linelog.http.page.fake import Logs

pytestmark = pytest.mark.long
PHONE = {"width": 390, "height": 844}
SHOWN = "!document.querySelector('#table').hidden"
# Pixels of a finger.
LEAST = 40
NAME = "/shop/articles/overview/of/all the articles of this shop"


def query(text: str) -> str:
    return f"?q={text.replace(' ', '%20')}"


def board(logs: Logs, visit: Any, name: str, panel: str = "errors of the shop") -> Any:
    logs.send("x", level="error")
    logs.saved = [{"name": panel, "q": ""}]
    logs.boards[name] = {"panels": [{"search": panel, "as": "bars"}]}
    settled = "document.querySelector('.board-panel:not(.stale) rect')"
    return visit(f"board?name={name.replace(' ', '%20')}", ready=settled, **PHONE)


def test_the_foot_of_figures_is_not_cut(logs, visit):
    logs.send("a")
    page = visit(
        "?q=%7C+count", ready="!document.querySelector('#table').hidden", width=390, height=844
    )
    zone = "Europe/Berlin (UTC+01:00)"
    page.run(f"void (document.querySelector('#zone-name').textContent = '{zone}')")
    said = "document.querySelector('#connection')"
    assert page.run(f"{said}.scrollWidth <= {said}.clientWidth + 1")
    left, _, width, _ = page.box("#zone")
    assert left + width <= 390


def test_the_head_of_a_board_is_low_however_long_its_name_is(logs, visit):
    page = board(logs, visit, "All services of the shop and of its warehouses in the south")
    assert page.box(".board-head")[3] <= 110
    assert page.run("document.querySelector('#board-heading').scrollWidth") > page.box("h1")[2]
    style = "getComputedStyle(document.querySelector('#board-heading'))"
    assert page.run(f"{style}.textOverflow") == "ellipsis"
    assert page.run("document.documentElement.scrollWidth") == 390


def test_links_of_a_board_are_as_large_as_a_finger(logs, visit):
    page = board(logs, visit, "shop", "x")
    for selector in (".home", ".board-head .tools a", ".board-panel h2 a"):
        _, _, width, height = page.box(selector)
        assert width >= LEAST and height >= LEAST, selector


def test_the_link_to_a_line_is_as_large_as_a_finger(logs, visit):
    logs.send("one")
    page = visit(ready=f"{LIVE} && {COUNT} === 1", **PHONE)
    page.click(".line .message")
    page.wait("document.querySelector('.position')")
    _, _, width, height = page.box(".position")
    assert width >= LEAST and height >= LEAST


def test_the_minus_of_a_group_is_beside_its_name(logs, visit):
    logs.table = answer(["count"], [(NAME, 5), ("a", 2)], ("path",), None)
    page = visit(query("| count by path"), ready=SHOWN, **PHONE)
    for row in (1, 2):
        cell = f"#table tbody tr:nth-child({row}) td"
        left, top, width, height = page.box(f"{cell} .exclude")
        assert width >= LEAST and height >= LEAST
        name = page.box(f"{cell} .add")
        assert left >= name[0] + name[2] - 1
        assert left + width <= page.box(f"{cell}:nth-child(2)")[0] + 1
        assert top + height <= page.box(f"{cell}")[1] + page.box(f"{cell}")[3] + 1


def test_a_table_that_goes_on_behind_the_edge_fades_there(logs, visit):
    columns = [f"sum_{number}" for number in range(9)]
    logs.table = answer(columns, [("/a", *[123_456.789] * 9)], ("p",), None)
    page = visit(query("| sum a by p"), ready=SHOWN, **PHONE)
    mask = "getComputedStyle(document.querySelector('#table table')).maskImage"
    page.wait(f"{mask}.includes('gradient')")
    page.run("void (document.querySelector('#table').scrollLeft = 10_000)")
    page.wait(f"{mask} === 'none'")
    logs.table = answer(["count"], [("/a", 1)], ("p",), None)
    page = visit(query("| count by p"), ready=SHOWN, **PHONE)
    assert page.run(mask) == "none"


def test_what_the_page_says_for_a_moment_is_whole(logs, visit):
    """Beside both edges, and not in half of the width."""
    logs.send("one", a_rather_long_name_of_a_field_in_a_record="x")
    page = visit(ready=f"{LIVE} && {COUNT} === 1", **PHONE)
    page.click(".line .message")
    page.click("[aria-label='Column a_rather_long_name_of_a_field_in_a_record']")
    page.wait("document.querySelector('#notice.shown')")
    left, _, width, height = page.box("#notice")
    assert left >= 8 and left + width <= 382 and width > 300
    assert page.run("document.querySelector('#notice').scrollHeight") < height + 1


@pytest.mark.parametrize("width", [390, 1440])
def test_the_live_page_has_one_heading_of_the_first_level(width, visit):
    page = visit(width=width, height=844)
    headings = page.run("[...document.querySelectorAll('h1')].map((one) => one.checkVisibility())")
    assert headings == [True]
    assert page.text("h1").strip()
