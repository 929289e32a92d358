"""The live page in a real browser, when it shows the past: times, permalinks, scrolling, neighbours."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import COUNT, FIRST, LAST, LIVE, MAIN, numbered
from tests.linelog.http.page.fake import Logs

pytestmark = pytest.mark.long


def test_top_values_of_a_field_are_listed(logs, visit):
    logs.send("x", "y", app="sshd")
    logs.send("z", app="cron")
    page = visit()
    page.wait("document.querySelector('[data-field=app]')")
    page.click("[data-field=app] summary")
    page.wait("document.querySelectorAll('[data-field=app] li').length === 2")
    assert page.texts("[data-field=app] li .add") == ["sshd 2", "cron 1"]
    page.click("[data-field=app] li .add")
    page.wait(f"{COUNT} === 2 && document.querySelector('#q').value === 'app=sshd'")


def with_a_past(logs: Logs) -> None:
    """Lines of ten minutes, one each second."""
    begin = datetime.now(UTC) - timedelta(minutes=10)
    for second in range(600):
        level = "error" if 300 <= second < 320 else "info"
        logs.send(f"second {second}", time=begin + timedelta(seconds=second), level=level)


def test_dragging_over_the_bars_selects_a_time(logs, visit):
    """Dragging over the bars shows the lines of that time; the button leads back to now."""
    with_a_past(logs)
    page = visit()
    page.wait("document.querySelectorAll('#bars .bar-error').length > 0")
    left, top, width, _ = page.box("#histogram")
    page.drag((left + width * 0.5, top + 20), (left + width * 0.7, top + 20))
    page.wait("location.search.includes('since=') && !document.querySelector('#range').hidden")
    page.wait(f"{COUNT} > 50")
    times = page.run(
        "[...document.querySelectorAll('.line time')].map((one) => one.getAttribute('datetime'))"
    )
    since, until = page.run(
        "['since', 'until'].map((name) => new URLSearchParams(location.search).get(name))"
    )
    moments = [datetime.fromisoformat(time) for time in times]
    assert datetime.fromisoformat(since) <= min(moments)
    assert max(moments) < datetime.fromisoformat(until)
    page.click("#range")
    page.wait(f"location.search === '' && {LAST} === 'second 599'")


def test_keys_select_a_time_in_the_bars(logs, visit):
    with_a_past(logs)
    page = visit()
    page.wait("document.querySelectorAll('#bars .bar-error').length > 0")
    page.run("document.querySelector('#histogram').focus()")
    for key, shift in (("ArrowLeft", False), ("ArrowLeft", False), ("ArrowLeft", True)):
        page.press(key, shift=shift)
    assert "lines" in page.text("#histogram-status")
    page.press("Enter")
    page.wait("location.search.includes('since=') && !document.querySelector('#range').hidden")
    page.run("document.querySelector('#histogram').focus()")
    page.press("Escape")
    page.wait(f"location.search === '' && {LAST} === 'second 599'")


def test_a_permalink_shows_its_line_among_neighbours(logs, visit):
    """An address with a position leads to that line among its neighbours, and nothing moves it."""
    numbered(logs, 1500)
    page = visit("?position=1:70000", ready="document.querySelector('[aria-current]')")
    assert page.texts("[aria-current] .message") == ["line 700"]
    page.wait(f"{COUNT} === 401")
    _, top, _, _ = page.box("[aria-current]")
    assert 200 < top < 700
    assert page.run("document.querySelector('#pause').ariaPressed") == "true"
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    link = page.run("document.querySelector('.details .position').getAttribute('href')")
    assert link == "/?position=1:70000"


def test_a_filter_at_a_past_line_keeps_it_visible(logs, visit):
    """A value that is asked for at a line of the past leaves that line in sight."""
    for number in range(900):
        logs.send(f"line {number}", app="cron" if number % 3 else "sshd")
    page = visit("?position=1:30000", ready=f"{COUNT} === 401")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    page.click("[aria-label='Only lines with app=sshd']")
    page.wait("location.search.includes('app%3Dsshd')")
    page.wait("document.querySelector('[aria-current] .message')?.textContent === 'line 300'")
    page.wait(f"{COUNT} === 300")


def test_scrolling_loads_lines_and_the_page_stays_bounded(logs, visit):
    """All the way up to the first line and down again to the last, and the page stays bounded."""
    numbered(logs, 5000)
    page = visit()
    page.wait(f"{LAST} === 'line 4999'")
    counts: list[int] = []

    def is_at_first() -> bool:
        page.scroll("#scroller", -3000)
        counts.append(page.run(COUNT))
        return bool(page.run(FIRST) == "line 0")

    def is_at_last() -> bool:
        page.scroll("#scroller", 3000)
        return bool(page.run(LAST) == "meanwhile")

    wait_until(is_at_first, "the first line")
    assert max(counts) <= 2200
    logs.send("meanwhile")
    wait_until(is_at_last, "the last line")
    shown = page.texts(".line .message")
    assert shown[:-1] == [f"line {number}" for number in range(5001 - len(shown), 5000)]
    assert page.texts(".gap") == []


def test_older_lines_loaded_above_do_not_move_the_read_line(logs, visit):
    """Older lines that are loaded above do not move the line that is being read."""
    numbered(logs, 1000)
    page = visit()
    page.wait(f"{LAST} === 'line 999'")
    page.run("document.querySelector('#scroller').scrollTop = 650")
    lines = "[...document.querySelectorAll('.line')]"
    seen = page.run(
        f"{lines}.find((one) => one.getBoundingClientRect().top > 300).dataset.position"
    )
    before = page.box(f"[data-position='{seen}']")[1]
    assert page.run(COUNT) == 200
    page.scroll("#scroller", -60)
    page.wait(f"{COUNT} === 400")
    after = page.box(f"[data-position='{seen}']")[1]
    assert after == pytest.approx(before + 60, abs=1)


def test_new_lines_are_shown_during_a_slow_search(logs, visit):
    """New lines are shown while the search for old ones is under way, and the page says that it is live."""
    numbered(logs, 3)
    logs.slow.clear()
    page = visit("?q=line", ready="document.querySelector('#edge-start')?.textContent")
    # Not because the stream was opened again.
    logs.refuse = 503
    page.wait(LIVE)
    logs.send("line of now")
    page.wait(f"{LAST} === 'line of now'")
    assert page.run(COUNT) == 1
    assert page.text("#edge-start") == "Searching …"
    logs.slow.set()
    page.wait(f"{COUNT} === 4")
    assert page.texts(".line .message") == ["line 0", "line 1", "line 2", "line of now"]


def test_the_neighbours_of_a_hit_are_shown(logs, visit):
    """The lines around a hit, whether they fit the query or not."""
    numbered(logs, 30)
    page = visit("?q=%22line+15%22")
    page.wait(f"{COUNT} === 1")
    page.press("j")
    page.press("c")
    page.wait(f"{COUNT} === 11")
    assert page.texts(".line .message") == [f"line {number}" for number in range(10, 21)]
    assert page.texts(".line:not(.context) .message") == ["line 15"]
    assert page.texts("[aria-current] .message") == ["line 15"]


def test_more_neighbours_can_be_shown_on_either_side(logs, visit):
    """Twenty more on either side, as often as there are some; the line that is looked at stays in sight."""
    numbered(logs, 400)
    page = visit("?q=%22line+115%22")
    page.wait(f"{COUNT} === 1")
    page.press("j")
    page.press("c")
    page.wait(f"{COUNT} === 11")
    # The day stands above the first of them.
    assert page.run("document.querySelector('#lines .line').matches('[data-day]')")
    assert page.run("document.querySelectorAll('.line[data-day]').length") == 1
    buttons = "[...document.querySelectorAll('.further button:not(.own)')]"
    said = f"{buttons}.map((one) => one.textContent).join()"
    page.wait(f"{said} === 'Show 20 more before,Show 20 more after'")
    steps = [(25, 5), (45, 5), (65, 5), (85, 5), (105, 5), (115, 5), (115, 25), (115, 45)]
    for before, after in steps:
        page.run(f"{buttons}.at({-1 if after > 5 else 0}).click()")
        page.wait(f"{COUNT} === {before + 1 + after}")
        shown = [f"line {number}" for number in range(115 - before, 116 + after)]
        assert page.texts(".line .message") == shown
        # With what was asked for below it, it need not be in the middle.
        assert 200 < page.box("[aria-current]")[1] < 760
    # There is nothing before the first line.
    assert page.run(said) == "Show 20 more after"
    # Asked for once more, they stay.
    page.press("c")
    page.wait(
        f"document.activeElement.matches('[aria-current]') && {said} === 'Show 20 more after'"
    )
    assert page.run(COUNT) == 161


def test_the_back_button_undoes_a_selected_time(logs, visit):
    """The browser's button undoes a selected time; a filter is in the address when one comes anew."""
    with_a_past(logs)
    page = visit("?q=level%3Derror")
    page.wait(f"{COUNT} === 20 && document.querySelectorAll('#bars .bar-error').length > 0")
    left, top, width, _ = page.box("#histogram")
    page.drag((left + 5, top + 9), (left + width * 0.2, top + 9))
    page.wait(f"location.search.includes('since=') && {COUNT} === 0")
    assert "No results" in page.text("#empty")
    page.run("history.back()")
    page.wait(f"!location.search.includes('since=') && {COUNT} === 20")
    assert page.run("document.querySelector('#q').value") == "level=error"


def test_a_permalink_to_a_removed_line_shows_the_newest_lines(logs, visit):
    """The newest lines are shown instead, and it is said why."""
    numbered(logs, 3)
    page = visit("?q=line&position=1:99")
    page.wait(f"{COUNT} === 3 && location.search === '?q=line'")
    assert page.texts("#notice") == [
        "The line at 1:99 is not in the store, or no longer. These are the newest."
    ]


def test_bars_go_up_to_now(logs, visit):
    """Not up to the last line: that nothing comes any more is to be seen."""
    numbered(logs, 3, time=datetime.now(UTC) - timedelta(minutes=10))
    visit(ready="document.querySelector('#bars .bar')")
    asked = [path for path in logs.asked if path.startswith("/api/histogram")]
    assert asked and all("since=15m&until=now" in path for path in asked)


def test_the_download_asks_for_the_shown_lines(logs, visit):
    """The shown lines, in the chosen form; of too many the newest, and it says so."""
    logs.send("x")
    page = visit("?q=x")
    link = "document.querySelector('#download')"
    page.wait(f"{link}.href.includes('q=x') && {link}.download === 'logsrv.jsonl'")
    got = page.run(f"fetch({link}.href).then((one) => one.text())")
    assert json.loads(got)["message"] == "x"
    module = f"{MAIN}.then(({{ modules }}) => modules['download.js'])"
    page.run(f"{module}.then((one) => void (one.bound.lines = 5))")
    logs.send(*(f"x {number}" for number in range(9)))
    page.wait(f"{link}.download === 'logsrv-newest-5.jsonl'")
    page.fill("#q", "x -7")
    number = "document.querySelector('#download-number').textContent"
    page.wait(f"{link}.href.includes('-7') && {number}.includes('9')")
    page.click("#download-button")
    assert page.texts("#download-number") == [
        "Of these 9 lines the newest 5. All of them: logsrv search --output json"
    ]
    got = page.run(f"fetch({link}.href).then((one) => one.text())")
    assert [json.loads(one)["message"] for one in got.splitlines()] == [
        f"x {number}" for number in (3, 4, 5, 6, 8)
    ]
    choose = "((one, value) => { one.value = value; one.dispatchEvent(new Event('change')); })"
    page.run(f"{choose}(document.querySelector('#download-order'), 'reverse')")
    page.run(f"{choose}(document.querySelector('#download-format'), 'csv')")
    href = page.run(f"{link}.href")
    assert "reverse=1" in href and "format=csv" in href and "newest=1" not in href
    assert page.run(f"{link}.download") == "logsrv-newest-5.csv"
    ready = f"{link}.download.startsWith('logsrv-table')"
    page = visit("?q=x%20%7C%20count%20by%20level", ready)
    page.run(f"{choose}(document.querySelector('#download-format'), 'text')")
    assert page.run(f"{link}.download") == "logsrv-table.txt"
    href = page.run(f"{link}.href")
    assert "/api/table" in href and "format=text" in href
