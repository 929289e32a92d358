"""Charts and tables of figures in a real browser: axes, legends, tips, comparisons, pivots."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.linelog.http.page.answers import answer, time_of
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import BIDI, CONTRAST, CORPUS, found_by_axe, serious
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
SHOWN = "!document.querySelector('#table').hidden"
TIP = "#table .tip"
BARS = "#table rect.bar"
CURVES = "#table .curve:not(.dashed)"


@pytest.fixture
def page(logs: Logs, visit: Any) -> Any:
    """`page(answer, query)` shows a table."""

    def show(found: dict[str, Any], query: str = "| count every 10m", **how: Any) -> Page:
        logs.table = found
        page: Page = visit(f"?q={query.replace(' ', '%20')}", ready=SHOWN, **how)
        return page

    return show


def numbers(page: Page, selector: str) -> int:
    return int(page.run(f"document.querySelectorAll('{selector}').length"))


def step_left(page: Page, times: int) -> list[str]:
    """Go along the chart by keys; return the tip's lines."""
    page.run("document.querySelector('#table .plot').focus()")
    for _ in range(times):
        page.press("ArrowLeft")
    return page.texts(f"{TIP} > div")


PATHS = [(step, path, step + 1, 1.5 * step) for step in range(3) for path in ("/a", "/b")]


def test_each_figure_is_drawn_with_its_axes_and_exact_values(page):
    shown = page(
        answer(["count", "p95_rt_ms"], PATHS, ("path",)), "| count, p95 rt_ms every 10m by path"
    )
    assert shown.text("#table .chart-title") == "count every 10 min, by path"
    assert shown.texts("#table .legend li") == ["/a", "/b"]
    assert shown.texts("#table .scale span") == ["lines", "0", "2", "4", "6"]
    assert shown.texts("#table .axis span")[:2] == ["06:00", "06:05"]
    assert numbers(shown, BARS) == 6
    tip = ["20 Nov 06:10:00 – 06:20:00", "/a 2 (50 %)", "/b 2 (50 %)", "sum 4"]
    assert step_left(shown, 2) == tip
    shown.press("Escape")
    shown.run("document.querySelector('[aria-label=Figure] button:last-child').focus()")
    shown.press("Enter")
    assert shown.text("#table .chart-title") == "p95 rt_ms every 10 min, by path"
    assert shown.run("document.activeElement.textContent") == "p95 rt_ms"
    assert shown.text("#table .unit") == "ms" and numbers(shown, CURVES) == 2
    assert step_left(shown, 2) == ["20 Nov 06:10:00 – 06:20:00", "/a 1.5 ms", "/b 1.5 ms"]
    said = "20 Nov 06:10:00 – 06:20:00 · /a 1.5 ms · /b 1.5 ms"
    assert shown.text("#table-chart > [role=status]") == said
    shown.press("Enter")
    shown.wait("location.search.includes('since=2026-11-20T06:10:00.000Z&until=2026-11-20T06:20')")


def test_of_a_share_and_the_figures_that_make_it_the_share_is_drawn_first(page):
    rows = [(step, path, 8, step + 1, (step + 1) / 8) for step in range(3) for path in ("/a", "/b")]
    shown = page(answer(["count", "errors", "part"], rows, ("path",)))
    assert shown.text("#table .chart-title") == "part every 10 min, by path"
    assert shown.text("#table .unit") == "%" and numbers(shown, CURVES) == 2
    shown.run("document.querySelector('[aria-label=Figure] button').click()")
    assert shown.text("#table .chart-title") == "count every 10 min, by path"


def test_the_legend_shows_one_series_alone(page):
    shown = page(answer(["count"], [row[:3] for row in PATHS], ("path",)))
    shown.click("#table .legend li:last-child button")
    assert numbers(shown, BARS) == 3
    assert step_left(shown, 1) == ["20 Nov 06:20:00 – 06:30:00", "/b 3"]
    assert (
        shown.run("document.querySelector('#table .legend [aria-pressed=true]').textContent")
        == "/b"
    )
    shown.click("#table .legend li:last-child button")
    assert numbers(shown, BARS) == 6


@pytest.mark.parametrize("rows", [[(0, 7)], [(0, 0)]])
def test_a_single_step_has_axes(page, rows):
    shown = page(answer(["count"], rows))
    assert shown.texts("#table .axis span") and "0" in shown.texts("#table .scale span")
    assert step_left(shown, 1) == ["20 Nov 06:00:00 – 06:10:00", f"count {rows[0][1]}"]


def test_the_axis_is_of_the_time_that_was_asked_for(page):
    found = answer(["count"], [(0, 7)])
    shown = page({**found, "since": time_of(-3, 600), "until": time_of(2, 600)})
    labels = shown.texts("#table .axis span")
    assert labels[0] >= "05:30" and labels[-1] == "06:15"
    assert step_left(shown, 1) == ["20 Nov 06:10:00 – 06:20:00", "count 0"]


def test_a_curve_is_broken_where_there_is_no_figure(page):
    shown = page(answer(["avg_n"], [(0, 1.0), (1, None), (3, 2.0), (4, 3.0)]))
    path = shown.run(f"document.querySelector('{CURVES}').getAttribute('d')")
    assert path.count("M") == 2 and path.count("L") == 1
    assert step_left(shown, 3)[1] == "avg n –"


def test_of_many_groups_the_largest_are_drawn_and_the_others_together(page):
    rows = [(step, f"g{group}", 10_000 - group) for step in range(2) for group in range(10_000)]
    shown = page(answer(["count"], rows, ("id",)))
    legend = shown.texts("#table .legend li")
    assert len(legend) == 9 and legend[0] == "g0" and legend[-1] == "9,992 others"
    tip = [f"9,992 others {sum(range(1, 9993)):,} (100 %)", f"sum {sum(range(1, 10_001)):,}"]
    assert step_left(shown, 1)[-2:] == tip
    assert shown.texts("#table thead th")[-2:] == ["g7", "(other)"]
    assert "columns" not in shown.text("#table-tools")
    slow = [(0, f"g{group}", float(group)) for group in range(20)]
    shown = page(answer(["p95_n"], slow, ("id",)))
    assert shown.texts("#table .legend li")[-1] == "12 others are not drawn"
    shown = page(answer(["p95_n"], slow[:9], ("id",)))
    assert shown.texts("#table .legend li")[-1] == "1 other is not drawn"
    assert numbers(shown, f"{TIP} > div") == 0


@pytest.mark.parametrize(
    ("figures", "labels"),
    [
        ([-5, 10], ["−5", "0", "5", "10"]),
        ([1e300, 1e308], ["0", "5e299", "1e300"]),
        ([-1e308, 1e308], ["−1e300", "0", "1e300"]),
        ([3e-9, 5e-9], ["0", "2e−9", "4e−9", "6e−9"]),
        ([1_500_000, 800_000], ["0", "500k", "1M", "1.5M"]),
        ([9_007_199_254_740_993, 1], ["0", "5e15", "1e16"]),
    ],
)
def test_negative_and_enormous_figures_have_readable_axes(page, figures, labels):
    shown = page(answer(["sum_n"], list(enumerate(figures))))
    found = shown.texts("#table .scale span")[1:]
    assert found == labels or set(found) >= {labels[0], labels[-1]}, found
    for kind in ("first-child", "last-child"):
        shown.click(f"[aria-label='Drawn as'] button:{kind}")
        drawn = shown.run("document.querySelector('#table .plot svg').outerHTML")
        assert "NaN" not in drawn and "Infinity" not in drawn


def test_a_comparison_is_a_dashed_series_and_a_difference_with_its_sign(page):
    columns = ["count", "count_before", "count_change"]
    rows = [(0, 7, 4, 3), (1, 5, 5, 0), (2, 1, 9, -8)]
    shown = page(answer(columns, rows), "| count every 10m compare 1d")
    assert shown.texts("#table .legend li") == ["count", "count, 1d before"]
    assert numbers(shown, "#table .dashed.curve") == 1 and numbers(shown, BARS) == 3
    assert shown.texts("#table tbody tr td:last-child") == ["+3", "0", "−8"]
    assert step_left(shown, 3)[1] == "count 7 · 1d before 4, +3"
    shown.click("[aria-label='Drawn as'] button:last-child")
    assert numbers(shown, "#table .curve") == 2
    groups = [(step, path, 2, 1, 1) for step in range(2) for path in "ab"]
    shown = page(answer(columns, groups, ("app",)), "| count every 10m by app compare 1h")
    assert shown.texts("#table .legend li") == ["a", "b", "count, 1h before"]
    # Of stacked bars the sum before.
    assert numbers(shown, "#table .dashed.curve") == 1


def test_what_the_store_no_longer_has_is_unknown_and_not_nothing(page):
    found = answer(
        ["count", "count_before", "count_change"], [(0, 7, None, None), (2, 5, 5, 0), (3, 4, 1, 3)]
    )
    lost = datetime.fromisoformat(time_of(1, 600)) - timedelta(days=1)
    compare = {"missing_until": lost.isoformat(), "known_since": time_of(1, 600)}
    shown = page({**found, "compare": compare}, "| count every 10m compare 1d")
    assert "no lines of the earlier time up to 19 Nov 06:10:00" in shown.text("#table-sentence")
    assert shown.texts("#table tbody tr:first-child td")[1:] == ["7", "–", "–"]
    path = shown.run("document.querySelector('#table .dashed.curve').getAttribute('d')")
    assert path.count("M") == 1 and path.count("L") == 2
    assert step_left(shown, 4)[1] == "count 7 · 1d before –"
    shown.press("ArrowRight")
    assert shown.texts(f"{TIP} > div")[1] == "count 0 · 1d before 0, 0"


@pytest.mark.parametrize("rows", [1, 3])
def test_a_step_that_is_not_over_yet_is_no_outage(page, rows):
    """Its part of the curve is dimmed, unless it is all there is."""
    now = datetime.now(UTC).timestamp()
    step = 86_400
    starts = [datetime.fromtimestamp(now // step * step - step * ago, UTC) for ago in range(rows)]
    figures = [[start.isoformat(), 5] for start in reversed(starts)]
    shown = page({**answer(["count"], []), "rows": figures, "every": step, "groups": rows})
    assert numbers(shown, f"{BARS}.open") == (rows > 1)
    shown.click("[aria-label='Drawn as'] button:last-child")
    opacity = f"getComputedStyle(document.querySelector('{CURVES}.open') ?? document.body).opacity"
    assert (float(shown.run(opacity)) < 1) is (rows > 1)
    closed = shown.run(f"document.querySelector('{CURVES}:not(.open)').getAttribute('d')")
    assert closed.count("L") == max(0, rows - 2)
    assert step_left(shown, 1)[0].endswith(", so far")
    if rows > 1:
        assert not step_left(shown, 1)[0].endswith("so far")


def test_figures_that_are_no_numbers_are_not_drawn(page):
    rows = [(0, "/a", time_of(5, 1)), (1, "/b", time_of(900, 1))]
    shown = page(answer(["last_path", "max_time"], rows))
    assert shown.run("document.querySelector('#table-chart').hidden")
    assert shown.texts("#table tbody tr:last-child td")[1] == "/b"
    shown = page(answer(["last_path", "count"], [(0, "/a", 3)]))
    assert shown.text("#table .chart-title") == "count every 10 min"
    assert numbers(shown, BARS) == 1


def test_two_groups_are_turned_into_a_pivot_and_back(page):
    rows = [("/a", "200", 5), ("/a", "500", 1), ("/b", "200", 2)]
    shown = page(answer(["count"], rows, ("path", "status"), None), "| count by path, status")
    assert shown.texts("#table thead th") == ["path", "count", "200", "500"]
    cells = [one.removesuffix("−") for one in shown.texts("#table tbody td")]
    assert cells == ["/a", "6", "5", "1", "/b", "2", "2", "0"]
    shown.run("document.querySelector('#table-tools button').focus()")
    shown.press("Enter")
    assert shown.texts("#table thead th") == ["path", "status", "count"]
    assert shown.run("document.activeElement.ariaPressed") == "false"


def test_pairs_of_which_few_exist_are_a_list_first(page):
    """A matrix of ten by eight with ten figures would be empty cells; one over time stays."""
    rows = [(f"/{number}", f"user{number}", 10 - number) for number in range(8)]
    shown = page(answer(["count"], rows, ("path", "user"), None), "| count by path, user")
    assert shown.texts("#table thead th") == ["path", "user", "count"]
    shown.click("#table-tools button")
    assert shown.texts("#table thead th")[:3] == ["path", "count", "user0"]
    steps = [(number, f"user{number}", 1) for number in range(8)]
    shown = page(answer(["count"], steps, ("user",)), "| count every 10m by user")
    assert shown.texts("#table thead th")[:2] == ["time", "count"]


def test_a_pivot_is_of_the_chosen_figure(page):
    shown = page(
        answer(["count", "p95_rt_ms"], PATHS, ("path",)), "| count, p95 rt_ms every 10m by path"
    )
    assert shown.texts("#table thead th") == ["time", "path", "count", "p95_rt_ms"]
    shown.click("#table-tools button")
    assert shown.texts("#table thead th") == ["time", "count", "/a", "/b"]
    shown.click("[aria-label=Figure] button:last-child")
    assert shown.texts("#table thead th") == ["time", "/a", "/b"]
    assert shown.texts("#table tbody tr:last-child td")[1:] == ["3.0 ms", "3.0 ms"]


def test_text_of_strangers_is_text_in_charts(page):
    """As names of fields, which JSON may have, and as values."""
    rows = [(step, name, 3) for step in range(2) for name in (*CORPUS, BIDI)]
    shown = page(answer([f"sum_{CORPUS[1]}"], rows, (CORPUS[0],)))
    step_left(shown, 1)
    shown.click("#table-tools button")
    shown.click("#table .legend li:first-child button")
    assert shown.run("[document.title, globalThis.owned ?? null]")[1] is None
    assert numbers(shown, "#table :is(script, img, iframe, style, form, input, math)") == 0
    assert "\u202e" not in shown.run("document.querySelector('#table').textContent")


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1440, 900), ("dark", 390, 844)])
def test_a_chart_is_readable_and_accessible(page, scheme, width, height):
    found = answer(["count", "p95_rt_ms"], PATHS, ("path",))
    shown = page(found, width=width, height=height, prefers_color_scheme=scheme)
    step_left(shown, 2)
    shown.wait("document.querySelector('#progress').hidden")
    assert serious(shown) == []
    assert not any("heading-order" in one for one in found_by_axe(shown, "moderate"))
    # The coloured copy of the query lies behind its text.
    shown.run("document.querySelector('#query-colours').remove()")
    assert shown.run(CONTRAST) == []
    assert shown.run("document.documentElement.scrollWidth") == width


def tap(page: Page, selector: str, part: float) -> None:
    """Tap an element in the middle of its height, at this part of its width."""
    left, top, width, height = page.box(selector)
    finger = {"x": left + part * width, "y": top + height / 2}
    page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[finger])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


def test_a_first_tap_shows_the_figures_of_a_step_and_a_second_one_its_time(page):
    found = answer(["count"], [(0, 7), (1, 5), (2, 1)])
    shown = page(found, width=390, height=844)
    shown.call("Emulation.setTouchEmulationEnabled", enabled=True)
    for part, figures in ((0.5, "count 5"), (0.9, "count 1")):
        tap(shown, "#table .plot", part)
        shown.wait(f"document.querySelector('{TIP}').checkVisibility()")
        assert shown.texts(f"{TIP} > div")[1] == figures
    assert "since" not in shown.run("location.search")
    tap(shown, "#table .plot", 0.9)
    shown.wait("location.search.includes('since=2026-11-20T06:20:00.000Z&until=2026-11-20T06:30')")


def test_the_change_of_a_comparison_is_on_the_screen_of_a_phone(page):
    columns = ["count", "count_before", "count_change"]
    rows = [("/shop/articles/overview", 12_345, 11_111, 1_234), ("/b", 5, 9, -4)]
    shown = page(
        answer(columns, rows, ("path",), None),
        "| count by path compare 1d",
        width=390,
        height=844,
    )
    left, _, width, _ = shown.box("#table tbody tr td:last-child")
    assert left + width <= 390
    left, _, width, _ = shown.box("#table thead th:last-child")
    assert left + width <= 390
    assert shown.texts("#table thead th") == ["path", *columns]


def test_printed_figures_have_no_number_of_lines_and_no_buttons(page):
    shown = page(answer(["count"], [("/a", 2)], ("path",), None), "| count by path")
    shown.run("void dispatchEvent(new Event('beforeprint'))")
    shown.call("Emulation.setEmulatedMedia", media="print")
    assert "Lines" not in shown.text(".print-head") and "Query" in shown.text(".print-head")
    assert not shown.run("document.querySelector('#table .exclude').checkVisibility()")


@pytest.mark.parametrize(("figure", "empty"), [("count_distinct_user", "0"), ("p95_rt", "–")])
def test_nothing_is_drawn_over_days_without_lines(page, figure, empty):
    """Also if the range has so many steps that not all of them are drawn."""
    rows = [(0, 7), (1, 5), (9000, 3), (20_000, 4), (20_001, 6)]
    found = {**answer([figure], rows, every=300), "since": time_of(-500, 300)}
    shown = page({**found, "until": time_of(21_000, 300)})
    shown.click("[aria-label='Drawn as'] button:last-child")
    path = shown.run(f"document.querySelector('{CURVES}').getAttribute('d')")
    points = [one.split() for one in re.split("[ML]", path)[1:]]
    assert len(points) == (13 if empty == "0" else 5)
    assert path.count("M") == (1 if empty == "0" else 3)
    dots = "[...document.querySelectorAll('#table circle')].map((one) => one.getAttribute('cx'))"
    assert set(shown.run(dots)) == {point[0] for point in points}
    assert shown.texts("#table .axis span")[0] > "18 Nov"
    assert step_left(shown, 1)[1].endswith(f" {empty}")
    shown = page({**found, "until": time_of(21_000, 300), "groups": 6})
    assert not step_left(shown, 1)[1].endswith(f" {empty}")


def test_a_table_with_more_rows_than_are_shown_says_so(page):
    rows = [(f"g{group}", status, 1) for group in range(4473) for status in ("200", "500")]
    shown = page(answer(["count"], rows, ("id", "status"), None), "| count by id, status")
    assert "; the first 1,000 of 4,473 rows are shown. " in shown.text("#table-sentence")
    assert numbers(shown, "#table tbody tr") == 1000
    shown.click("#table-tools button")
    assert "the first 1,000 of 8,946 rows are shown" in shown.text("#table-sentence")
    shown = page(answer(["count"], rows[:1000], ("id", "status"), None), "| count by id, status")
    assert "are shown" not in shown.text("#table-sentence")


COLOURS = """Object.fromEntries([...document.querySelectorAll('#table .legend li')].map(
    (one) => [one.textContent, getComputedStyle(one, '::before').backgroundColor]))"""


def test_a_name_keeps_its_colour_while_it_is_shown(logs, page):
    def rows(*names: str) -> list[tuple[int, str, int]]:
        return [(0, name, 20 - index) for index, name in enumerate(names)]

    shown = page(answer(["count"], rows("a", "b", "c", "d"), ("app",)))
    first = shown.run(COLOURS)
    for names in (("c", "e", "a", "d"), ("e", "b", "a", "f"), tuple("hgfedcba")):
        logs.table = answer(["count"], rows(*names), ("app",))
        shown.press(" ")
        shown.wait(f"document.querySelector('#table .legend').textContent === '{''.join(names)}'")
        found = shown.run(COLOURS)
        assert all(found[name] == first[name] for name in names if name in first)
        assert len({*found.values()}) == len(names)
        first = found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_not_chosen_in_the_legend_is_dimmed_and_readable(page, scheme):
    shown = page(answer(["count"], PATHS, ("path",)), prefers_color_scheme=scheme)
    shown.click("#table .legend li:last-child button")
    assert serious(shown) == []
    other = "document.querySelector('#table .legend .off')"
    assert float(shown.run(f"getComputedStyle({other}, '::before').opacity")) < 0.5


def test_one_other_is_not_others(page):
    rows = [(0, f"g{group}", 9) for group in range(9)]
    assert page(answer(["count"], rows, ("id",))).texts("#table .legend li")[-1] == "1 other"


def test_a_change_has_the_unit_and_the_decimals_of_its_value(page):
    columns = ["avg_rt", "avg_rt_before", "avg_rt_change"]
    figures = [(236.86, 236.82385, 0.03615), (237, 236.96385, 0.03615), (0.5, 0.125, 0.375)]
    rows = [(step, *row) for step, row in enumerate(figures)]
    shown = page(answer(columns, rows), "| avg rt every 10m compare 1d")
    assert shown.texts("#table tbody td:last-child") == ["+0.04 s", "+0.04 s", "+0.38 s"]
    assert shown.texts("#table tbody td:nth-child(2)") == ["236.86 s", "237.00 s", "0.50 s"]
    assert step_left(shown, 3)[1] == "avg rt 236.86 s · 1d before 236.82 s, +0.04 s"


@pytest.mark.parametrize(
    ("column", "figures", "unit", "ticks", "tip"),
    [
        ("p95_rt", (0.0385, 0.041, 0.0123), "ms", ["0", "20", "40", "60"], "41.0 ms"),
        ("sum_bytes", (3 << 20, 1 << 20, 5 << 19), "MiB", ["0", "1", "2", "3"], "1.0 MiB"),
        ("max_took", (5400, 7200, 600), "min", ["0", "50", "100", "150"], "120 min"),
        (
            "max_took_ms",
            (5400, 7200, 600),
            "ms",
            ["0", "2,000", "4,000", "6,000", "8,000"],
            "7,200 ms",
        ),
        ("avg_n", (0.25, 0.5, 1.125), "", ["0", "0.5", "1", "1.5"], "0.500"),
        ("part", (0.0625, 0.125, 0.4), "%", ["0", "10", "20", "30", "40"], "12.5 %"),
    ],
)
def test_axis_tip_and_table_have_the_unit_of_the_figure(page, column, figures, unit, ticks, tip):
    shown = page(answer([column], [*enumerate(figures)]), "| count every 10m")
    assert shown.texts("#table .scale span") == [unit, *ticks]
    assert step_left(shown, 2)[1].endswith(f" {tip}")
    assert shown.texts("#table tbody td:last-child")[1] == tip


def test_parts_of_a_sum_that_are_not_stacked_have_no_share(page):
    shown = page(answer(["count"], [row[:3] for row in PATHS], ("path",)))
    shown.run("document.querySelector('[aria-label=\"Drawn as\"] button:last-child').focus()")
    shown.press("Enter")
    assert step_left(shown, 2)[1:] == ["/a 2", "/b 2"]


def test_names_in_a_table_are_whole_on_a_phone(page):
    names = ["catalog-service", "/shop/articles/overview", "word " * 11, "catalogue" * 4]
    rows = [(name, "catalog", *[1234.5] * 4) for name in names]
    columns = ["count", "avg_rt", "p95_rt", "max_rt"]
    shown = page(
        answer(columns, rows, ("service", "kind"), None), "| count by x", width=390, height=844
    )
    rows_of = """[...document.querySelectorAll('#table .add')].map((one) => {
        const range = new Range();
        range.selectNodeContents(one);
        return range.getClientRects().length;
    })"""
    assert shown.run(rows_of) == [1, 1, 1, 1, 2, 1, 1, 1]
    assert shown.run("document.documentElement.scrollWidth") == 390


def test_days_are_as_long_as_the_clock_says(page, logs):
    """In Berlin the 29th of March has 23 hours; the page asks for the days of its zone."""
    starts = ["2026-03-27T23:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z", "2026-03-30T22:00Z"]
    limits = {"since": starts[0], "until": starts[3], "steps": [*pairwise(starts)]}
    rows = [[starts[day], day + 1] for day in (0, 1)]
    found = {**answer(["count"], [], every=86400), "rows": rows, "groups": 2, **limits}
    shown = page(found, "| count every 1d")

    def asked() -> list[str]:
        return [one for one in logs.asked if one.startswith("/api/table")]

    shown.call("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")
    shown.go(shown.run("location.href"))
    shown.wait(SHOWN)
    assert "tz=Europe%2FBerlin" in asked()[-1]
    widths = f"[...document.querySelectorAll('{BARS}')].map((one) => one.width.baseVal.value + 1.5)"
    wide = shown.run(widths)
    assert round(24 * wide[1] / wide[0]) == 23
    assert step_left(shown, 2) == ["29 Mar 00:00:00 – 30 Mar 00:00:00", "count 2"]
    shown.click("#zone")
    tables = (
        "performance.getEntriesByType('resource').filter(({name}) => name.includes('/api/table'))"
    )
    shown.wait(f"{tables}.length === 2")
    assert "tz=" not in asked()[-1]


def test_a_server_without_data_of_zones_answers_by_steps_of_utc(page, logs):
    logs.is_without_zones = True
    shown = page(answer(["count"], [(0, 7), (1, 5)]))
    shown.call("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")
    shown.go(shown.run("location.href"))
    shown.wait(SHOWN)
    assert numbers(shown, BARS) == 2
    assert ["tz=" in one for one in logs.asked if one.startswith("/api/table")][-2:] == [
        True,
        False,
    ]
