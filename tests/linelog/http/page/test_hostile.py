"""What strangers log, in a real browser: text, and nothing but text."""

import pytest

from logsrv.linelog.http.assets import static_files
from tests.linelog.http.page.conftest import LIVE
from tests.linelog.http.page.looks import BIDI, CORPUS


@pytest.mark.long
def test_markup_in_a_log_is_shown_as_text(logs, visit):
    """Messages, sources, names and values of fields: none of it becomes an element or runs."""
    for evil in CORPUS:
        fields = {evil: evil, "plain": evil, "__proto__": evil, "list": [evil, {"a": evil}]}
        logs.send(evil, source=evil, level="error", **fields)
    page = visit()
    page.wait(f"document.querySelectorAll('.line').length === {len(CORPUS)}")
    page.wait(LIVE)
    logs.send(*CORPUS)
    page.wait(f"document.querySelectorAll('.line').length === {2 * len(CORPUS)}")
    page.run("document.querySelectorAll('.line').forEach((one) => one.click())")
    page.wait("document.querySelectorAll('.details').length > 10")
    page.wait("document.querySelector('[data-field=plain] summary')")
    page.click("[data-field=plain] summary")
    page.wait("document.querySelectorAll('[data-field=plain] li').length > 2")
    for query in (*CORPUS[:3], '"<img src=x"'):
        page.fill("#q", query)
        page.wait("document.querySelector('#q').value.length > 5")
    markup = "script, img, iframe, style, link, form, math, b, template, body"
    inside = page.run(f"document.querySelectorAll('main :is({markup})').length")
    assert inside == 0
    assert page.run("typeof window.owned") == "undefined"
    assert page.run("document.title").endswith("logsrv")


@pytest.mark.long
def test_no_character_of_a_message_is_swallowed(logs, visit):
    """Nothing of it is swallowed either; colours alone become colours."""
    logs.send(*CORPUS[:12], r"\x1b[31mred\x1b[0m \x1b[2J", BIDI)
    page = visit()
    page.wait("document.querySelectorAll('.line').length === 14")
    shown = page.texts(".line .message")
    assert shown[:12] == list(CORPUS[:12])
    assert shown[12] == r"red \x1b[2J"
    assert page.texts(".fg-red") == ["red"]
    assert shown[13] == r"user=\u202enimda\u202c \u2066x\u2069 \u200f \u061c"


@pytest.mark.long
def test_an_opened_line_has_its_line_breaks(logs, visit):
    """Tabs too, in its message and its values; nothing else that has a code. What is copied has them."""
    trace = r"Traceback:\x0a\x09at\x1b[2J main\x0d\x0a\x00end C:\\x0a" + "\u202e"
    shown = "Traceback:\n\tat\\x1b[2J main\n\\x00end C:\\\\x0a\\u202e"
    logs.send(trace, stack="one\n\ttwo\x1b[2J\u202e\r\n<b>", text=r"a\x0ab")
    page = visit(ready=f"{LIVE} && document.querySelectorAll('.line').length === 1")
    closed = page.run("document.querySelector('.line .message').textContent")
    assert closed == "Traceback:" and page.texts(".fold") == ["+2"]
    height = page.box(".line")[3]
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert page.run("document.querySelector('.line .message').textContent") == shown
    # As it is seen, and as a selection of it is copied.
    assert page.run("document.querySelector('.line .message').innerText") == shown
    values = page.run(
        "[...document.querySelectorAll('.details .value')].map((one) => one.innerText)"
    )
    assert "one\n\ttwo\\x1b[2J\\u202e\n<b>" in values
    assert any(one.startswith("a\nb") for one in values)
    page.run("navigator.clipboard.writeText = async (text) => void (globalThis.copied = text)")
    page.click(".details .tools button")
    page.wait("globalThis.copied")
    assert page.run("copied").endswith(" " + shown.replace("\\u202e", "\u202e"))
    # A query asks for what is stored.
    assert page.texts("[title='Only lines with text=a\\\\x0ab']") == ["a\nb"]
    page.press("Escape")
    page.wait("!document.querySelector('.details')")
    assert page.run("document.querySelector('.line .message').textContent") == closed
    assert page.box(".line")[3] == height


@pytest.mark.long
def test_the_title_turns_nothing_around(visit):
    """A link to the page chooses the query, and so what the window is called."""
    page = visit("?q=%E2%80%AEabc%07")
    assert page.run("document.title") == "\\u202eabc\\x07 – logsrv"


@pytest.mark.long
def test_huge_lines_are_cut_until_they_are_opened(logs, visit):
    """A line of a mebibyte and one of many colours: cut until it is opened, and nobody waits."""
    logs.send("x" * 1_000_000, "a-" * 30_000 + "=", r"\x1b[31mx" * 5000, '"' * 60_000)
    page = visit()
    page.wait("document.querySelectorAll('.line').length === 4")
    assert page.run("document.querySelector('.message').textContent.length") < 2100
    assert "998000 more characters" in page.texts(".more")[0]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.press("g")
    page.press("j")
    page.press("Enter")
    page.wait("document.querySelector('.message').textContent.length === 1000000")


def test_scripts_make_no_markup():
    """Data gets into the page as text only; there is no way in for markup, nor for code."""
    for path, asset in static_files().items():
        text = asset.body.decode()
        for way in (
            *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("),
            *("new Function", "DOMParser", "createContextualFragment", "srcdoc", "setHTML"),
        ):
            assert way not in text, f"{path}: {way}"
