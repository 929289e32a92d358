"""Records of several lines, such as stack traces: one row for each, folded to `+12`."""

import json

import pytest

from tests.linelog.http.page.conftest import COUNT, LIVE, at_bottom, numbered
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import BIDI, COPIED, CORPUS, SHIFTS, serious
from tests.parts.chromium import Page
from tests.parts.stack_traces import GO, JAVA, PYTHON, split_sample

pytestmark = pytest.mark.long
ROWS = ".line:not(.part)"
MESSAGES = f"{ROWS} .message"
FIRST, SECOND = "tcp:[::1]:1", "tcp:[::1]:2"
TRACE = [
    "ERROR failed",
    "java.io.IOException: x",
    *(f"\tat a.b({n})" for n in range(10)),
    "Caused by: y",
]


def mixed(logs: Logs, one: list[str], other: list[str]) -> None:
    for number in range(max(len(one), len(other))):
        logs.send(*one[number : number + 1], source=FIRST)
        logs.send(*other[number : number + 1], source=SECOND)


def shown(page: Page) -> list[str]:
    """Return the text of each row, and how many more lines it says that it has."""
    found: list[str] = page.run(
        f"[...document.querySelectorAll('{ROWS}')].map((row) => row.querySelector('.message').textContent"
        " + (row.querySelector('.fold') ? ' ' + row.querySelector('.fold').textContent : ''))"
    )
    return found


@pytest.mark.parametrize("live", [True, False])
def test_traces_of_two_connections_are_never_mixed(live, logs, visit):
    first, second = (split_sample(text)[0] for text in (JAVA, PYTHON))
    count = len(first) + len(second)
    if not live:
        mixed(logs, first, second)
    page = visit()
    if live:
        mixed(logs, first, second)
    wanted = []
    for text, lines in ((JAVA, first), (PYTHON, second)):
        begins = [n for n, part in enumerate(split_sample(text)[1]) if not part]
        wanted += [lines[a:b] for a, b in zip(begins, [*begins[1:], len(lines)], strict=True)]
    page.wait(
        f"{COUNT} === {count} && document.querySelectorAll('{ROWS}').length === {len(wanted)}"
    )
    said = [one[0] + (f" +{len(one) - 1}" if len(one) > 1 else "") for one in wanted]
    assert sorted(shown(page)) == sorted(said)
    page.run("document.querySelectorAll('.fold button').forEach((one) => one.click())")
    texts = page.run(f"[...document.querySelectorAll('{MESSAGES}')].map((one) => one.innerText)")
    assert sorted(texts) == sorted("\n".join(one).rstrip() for one in wanted)


def test_the_lines_of_a_trace_shift_nothing(logs, visit):
    """They come one by one, while others come; those that are visible stay, and the number grows."""
    page = visit(ready="true")
    # Figures beside the lines change too, the longer the more.
    of_lines = "if (one.sources.some(({ node }) => node?.parentElement?.closest('#lines')))"
    source = SHIFTS.replace("if (!one.hadRecentInput)", of_lines)
    page.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    numbered(logs, 100, level="info")
    page.go(logs.url)
    page.wait(f"{LIVE} && document.querySelectorAll('#bars .bar').length && {COUNT} === 100")
    page.wait("document.querySelector('#shipped').textContent")
    page.run("void (shift = 0)")
    logs.send("begun", source=FIRST, level="error")
    for number in range(40):
        logs.send("\tat f()", source=FIRST)
        logs.send(f"later {number}", source=SECOND)
        page.wait(f"document.querySelector('#lines').textContent.includes('later {number}')")
    assert shown(page)[100] == "begun +40" and shown(page)[-1] == "later 39"
    assert page.run("shift") < 0.001 and at_bottom(page)


def test_older_lines_take_their_rows_to_the_first_line(logs, visit):
    """The lines of a record whose first line is not loaded yet have a row; then that of the first one."""
    logs.send("begun", source=FIRST)
    numbered(logs, 60, source=SECOND)
    logs.send(*(f" at {number}" for number in range(50)), source=FIRST)
    numbered(logs, 170, source=SECOND)
    page = visit(ready=f"{LIVE} && {COUNT} === 200")
    assert shown(page)[0] == " at 20 +29"
    page.press(" ")
    page.run(f"""
        globalThis.seen = document.querySelectorAll('{ROWS}')[10];
        globalThis.topOfSeen = () => seen.getBoundingClientRect().top;
        globalThis.topsOfSeen = [];
        globalThis.noted = new MutationObserver(() => topsOfSeen.push(topOfSeen()));
        for (const note of ["edge-start", "older"])
            noted.observe(document.getElementById(note), {{ childList: true }});
    """)
    # At once, as older lines come when the top is near.
    top = page.run("(document.querySelector('#scroller').scrollTop = 60, topOfSeen())")
    page.wait(
        f"{COUNT} === 281 && topsOfSeen.length >= 3 && !document.querySelector('#older').textContent"
    )
    assert shown(page)[:2] == ["begun +50", "line 0"] and len(shown(page)) == 231
    assert page.run(f"document.querySelectorAll('{ROWS}')[70] === seen")
    # Two notes above the lines have come and gone meanwhile.
    tops = page.run("topsOfSeen")
    assert [*tops, page.run("topOfSeen()")] == pytest.approx([top] * (len(tops) + 1), abs=1)
    assert page.run("document.querySelectorAll('.line[data-day]').length") == 1


def test_a_record_at_the_edge_of_what_is_cut_stays_whole(logs, visit):
    """A trace longer than the page, live: it stays one row, with all of its lines; others are cut."""
    page = visit()
    numbered(logs, 100, source=SECOND)
    for start in range(0, 900, 60):
        logs.send(*(f" at {number}" for number in range(start, start + 60)), source=FIRST)
        numbered(logs, 20, source=SECOND)
        page.wait(f"document.querySelector('#lines').textContent.includes('at {start + 59}')")
    page.wait("document.querySelector('#lines').textContent.includes('at 899')")
    assert [one for one in shown(page) if " at " in one] == [" at 0 +899"]
    numbered(logs, 50, source=SECOND)
    # Of 451: cut to 250 at the end, or before the last 50.
    page.wait(f"document.querySelectorAll('{ROWS}').length < 320")
    assert [one for one in shown(page) if " at " in one] == [" at 0 +899"]
    logs.send("next", source=FIRST)
    numbered(logs, 400, source=SECOND)
    page.wait("!document.querySelector('#lines').textContent.includes('at 899')")
    assert page.run(COUNT) <= 401


def test_nothing_is_joined_across_a_gap(logs, visit):
    page = visit()
    logs.send("begun", " at 1", source=FIRST)
    page.wait(f"{COUNT} === 2")
    logs.miss(7)
    page.wait("document.querySelector('.gap')")
    logs.send(" at 9", " at 10", source=FIRST)
    page.wait(f"{COUNT} === 4")
    assert shown(page) == ["begun +1", " at 9 +1"]


def test_keys_go_from_record_to_record(logs, visit):
    """j and k pass by the other lines; Tab and Enter unfold; Enter opens; y copies all; r shows all."""
    mixed(logs, ["before", *TRACE], ["other"])
    page = visit(ready=f"{LIVE} && {COUNT} === 15")
    page.run(COPIED)
    current = "document.querySelector('[aria-current]').querySelector('.message').textContent"
    for key, text in (("k", TRACE[0]), ("k", "other"), ("j", TRACE[0]), ("j", TRACE[0])):
        page.press(key)
        page.wait(f"{current} === {json.dumps(text)}")
    page.press("y")
    page.wait("document.querySelector('#notice').textContent === 'Record copied.'")
    assert page.run("copied")[0].endswith(f" {FIRST} " + "\n".join(TRACE))
    button = "document.querySelector('[aria-current] .fold button')"
    assert page.run(f"{button}.ariaLabel") == "Show 12 more lines of this record"
    page.press("Tab")
    page.wait(f"document.activeElement === {button}")
    height = page.box("[aria-current]")[3]
    page.press("Enter")
    page.wait(f"{button}.ariaExpanded === 'true'")
    assert page.run(f"{current}.split('\\n')") == TRACE and page.text(".fold") == "−12"
    assert page.box("[aria-current]")[3] == pytest.approx(height + 12 * 20, abs=1)
    page.press("Enter")
    page.wait(f"{button}.ariaExpanded === 'false' && {button}.textContent === '+12'")
    page.run("document.querySelector('[aria-current]').focus()")
    page.press("Enter")
    page.wait(f"document.querySelector('.details') && {current}.endsWith('Caused by: y')")
    page.press("Escape")
    page.wait(f"!document.querySelector('.details') && {current} === '{TRACE[0]}'")
    for _ in range(2):
        page.press("r")
    page.wait(f"document.querySelector('#lines').dataset.rows === 'all' && {current}.endsWith('y')")
    logs.send("\tat live", source=FIRST)
    page.press("G")
    page.wait(
        f"document.querySelector('{ROWS}:nth-child(3) .message').textContent.endsWith('live')"
    )
    page.press("r")
    page.wait(
        f"document.querySelector('{ROWS}:nth-child(3) .message').textContent === '{TRACE[0]}'"
    )


def test_a_link_to_any_line_shows_its_record(logs, visit):
    mixed(logs, TRACE, [f"other {number}" for number in range(300)])
    where = logs.lines[20]["position"]
    page = visit(f"?position={where}", ready=f"{COUNT} > 150")
    page.wait("document.querySelector('[aria-current]')")
    assert page.text("[aria-current] .message") == TRACE[0]
    assert page.text("[aria-current] .fold") == "+12"
    page.go(f"{logs.url}?columns=time,source,message")
    page.wait(f"{LIVE} && {COUNT} === 200")
    page.press(" ")
    page.press("g")
    page.wait(f"document.querySelector('{MESSAGES}').textContent === '{TRACE[0]}'")
    assert page.text(".fold") == "+12"


def test_an_opened_line_shows_its_record_through_a_filter(logs, visit):
    """Rows are the lines that match; one that is opened is marked among those of its record."""
    mixed(logs, TRACE, ["other 1", "other 2"])
    page = visit("?q=a.b(3)+OR+other", ready="true")
    page.go(f"{logs.url}?q=a.b")
    page.wait(f"{COUNT} === 10 && {LIVE}")
    assert page.texts(".fold") == [] and page.texts(".part") == []
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.open .itself')")
    assert page.run("document.querySelector('.open .message').innerText.split('\\n')") == TRACE
    assert page.texts(".itself")[0] == "\tat " and page.texts("mark")[0] == "a.b"
    assert "".join(page.texts(".itself")) == TRACE[-2]
    page.press("Escape")
    page.wait("!document.querySelector('.itself')")
    asked = len([one for one in logs.asked if "/api/record" in one])
    page.go(f"{logs.url}?q=other")
    page.wait(f"{COUNT} === 2 && {LIVE}")
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert page.text(".open .message") == "other 2" and asked == 1


def test_a_record_stored_as_one_line_is_folded(logs, visit):
    """Text with codes, JSON with line breaks, and lines that go on with it."""
    logs.send(r"first\x0a\x09second\x0a", source=FIRST)
    logs.send(" third", source=FIRST)
    text = "one\n  two\n<b>three\n"
    logs.send(json.dumps({"msg": text, "k": 1}), source=SECOND, msg=text, k=1)
    logs.send("docker", source="tcp:[::1]:3", msg="docker\n")
    page = visit(ready=f"{LIVE} && {COUNT} === 4")
    assert shown(page) == ["first +2", "one k=1 +2", "docker"]
    page.run("document.querySelectorAll('.fold button').forEach((one) => one.click())")
    assert page.texts(MESSAGES) == ["first\n\tsecond\n third", "one\n  two\n<b>three k=1", "docker"]
    page.run("document.querySelectorAll('.fold button').forEach((one) => one.click())")
    assert shown(page) == ["first +2", "one k=1 +2", "docker"]
    page.go(f"{logs.url}?rows=all")
    page.wait(f"{LIVE} && {COUNT} === 4")
    assert page.texts(MESSAGES)[0] == "first\n\tsecond\n third"


def test_strangers_records_are_text_and_bounded(logs, visit):
    page = visit()
    for evil in CORPUS[:12]:
        logs.send(evil, source=FIRST)
        logs.send(f"\t{evil}", f"\t{BIDI}", source=FIRST)
    page.wait(f"{COUNT} === 36")
    page.run("document.querySelectorAll('.fold button').forEach((one) => one.click())")
    texts = page.texts(MESSAGES)
    assert (
        texts[0]
        == f"{CORPUS[0]}\n\t{CORPUS[0]}\n\t" + r"user=\u202enimda\u202c \u2066x\u2069 \u200f \u061c"
    )
    assert (
        page.run("document.querySelectorAll('main :is(script, img, iframe, svg *, b)').length") == 0
    )
    assert page.run("typeof window.owned") == "undefined"
    page.press("r")
    page.press("r")
    logs.send(*(f" at {number}" for number in range(10_000)), source=FIRST)
    page.press("G")
    page.wait("document.querySelector('#lines').textContent.includes('at 9999')")
    # 2,000 lines, and all those of the record at the edge.
    assert page.run(COUNT) <= 3000 and at_bottom(page)
    for _ in range(12):
        page.press("g")
    page.wait(f"document.querySelector('{MESSAGES}').textContent.startsWith('<script>')")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_goroutines_are_one_record_on_a_phone_in_the_dark(logs, visit):
    lines, parts = split_sample(GO)
    logs.send(*lines, source=FIRST, level="error")
    ready = f"{LIVE} && {COUNT} === {len(lines)}"
    page = visit(ready=ready, width=390, height=844, prefers_color_scheme="dark")
    assert len(shown(page)) == parts.count(False)
    assert page.run("document.documentElement.scrollWidth") == 390
    page.click(".fold button")
    page.wait("document.querySelector('.unfolded')")
    assert page.run("document.documentElement.scrollWidth") == 390
    assert serious(page) == []
