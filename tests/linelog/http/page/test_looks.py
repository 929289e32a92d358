"""What the page looks like: both themes, a phone, a flood; and the pictures of the docs.

`make pictures` writes them into docs/pictures/; else they are thrown away.
"""

import html
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.linelog.http.page.conftest import LIVE, click_tool
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.fake_alerts import (
    alert,
    delivery,
    episode,
    firing,
    silence,
    stamp,
    would_fire,
)
from tests.linelog.http.page.looks import CONTRAST, FULL, PICTURES, open_an_error
from tests.linelog.http.page.samples import samples

pytestmark = pytest.mark.long
LINES = (
    "level=info app=shop order placed",
    "level=error app=shop payment refused: the bank does not answer",
    "level=critical app=db no space left on device",
)
MAIL = """<style>
body { background: #fffdf8; color: #22252b; margin: 28px 32px; }
pre { font: 15px/1.6 "DejaVu Sans Mono", monospace; margin: 0; white-space: pre-wrap; }
</style><pre>%s</pre>"""


WIDE = {"width": 1280, "height": 640}
RATIO = (
    "| count, count if (level>=error) as errors in 5m by app | let share = errors / count "
    "| where share > 0.05"
)


def show_alerts(logs: Logs, now: datetime) -> None:
    """Let the server tell of alerts that fire, failed to be sent, are quiet and silenced."""
    ago = [now - timedelta(minutes=minutes) for minutes in (1, 2, 3, 12, 300)]
    groups = [
        firing(ago[3], "share 8.1 %, count 60, errors 5", app="shop"),
        firing(ago[2], "share 12.1 %, count 240, errors 29", app="billing"),
        firing(ago[2], "share 7.5 %, count 40, errors 3", app="gateway"),
    ]
    why = "the command ends with status 75"
    failed = delivery(
        "failed", ago[0], way="command", why=why, next=stamp(now + timedelta(minutes=2))
    )
    logs.alerts.ways = ["command", "webhook"]
    logs.alerts.since = stamp(ago[4])
    logs.alerts.alerts = [
        alert(
            "shares",
            RATIO,
            state="firing",
            groups=groups,
            delivery=[delivery("sent", ago[1]), failed],
        ),
        alert("backup", "app=backup | none in 10m", of="page", last=episode(ago[4], 12)),
        alert("errors", "level>=error", delivery=[delivery("sent", ago[3])]),
        alert("slow", "| p95 took_ms > 1s in 10m by path", of="page"),
    ]
    logs.alerts.silences = [
        silence("shares", group={"app": "gateway"}, reason="new release"),
        silence("errors", reason="the database moves", **{"for": "8h"}),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(PICTURES) if PICTURES else tmp_path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_themes_are_readable(scheme, width, sampled, visit, folder):
    """Readable on a phone and on a desk, by day and by night: these are the pictures of the docs."""
    page = visit(width=width, height=800, prefers_color_scheme=scheme)
    page.wait(FULL)
    if width > 1000:
        page.wait("document.querySelectorAll('#fields li').length > 3")
    page.wait("document.querySelector('#rate').textContent !== ''")
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(252, 251, 248)", "dark": "rgb(18, 20, 23)"}[scheme]
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    if scheme == "dark":
        open_an_error(page)
        assert page.run(CONTRAST) == []
        assert page.run("document.documentElement.scrollWidth") == width
    name = f"live-page-{scheme}.png" if width > 1000 else f"live-page-phone-{scheme}.png"
    assert page.picture(folder / name).startswith(b"\x89PNG")
    page.press("?")
    assert page.run(CONTRAST) == []
    page.press("Escape")
    page.fill("#q", "order")
    page.wait("document.querySelectorAll('mark .key').length > 5")
    page.run("document.activeElement.blur()")
    page.press("k")
    page.press("c")
    page.wait("document.querySelector('.context')")
    assert page.run(CONTRAST) == []


def test_the_button_switches_the_theme_and_keeps_it(sampled, visit):
    """The button changes the theme at once and for the next visit; the system's choice needs no keeping."""
    page = visit(prefers_color_scheme="light")
    page.click("#theme")
    dark = "getComputedStyle(document.body).backgroundColor === 'rgb(18, 20, 23)'"
    page.wait(dark)
    page.run("globalThis.old = true; location.reload()")
    page.wait(f"!globalThis.old && {LIVE} && {dark}")
    assert page.run("document.querySelector('#theme').ariaPressed") == "true"
    page.click("#theme")
    page.wait(f"!({dark})")
    assert page.run("localStorage.getItem('logsrv-theme')") is None


def test_nothing_is_cut_off_or_too_small_on_a_phone(sampled, visit):
    """Nothing sticks out to the right, whatever is open; what a finger has to hit is big enough."""
    sampled.send("x" * 5000, source="a-very-long-name-of-a-listener@tcp:203.0.113.200:65535")
    page = visit("?q=", width=375, height=700)
    page.wait(FULL)
    fits = (
        "document.documentElement.scrollWidth === 375"
        " && document.querySelector('#scroller').scrollWidth <= 375"
    )
    assert page.run(fits)
    click_tool(page, "#fields-button")
    page.wait("document.querySelectorAll('#fields li').length > 3")
    assert page.run(fits)
    page.click("#fields-close")
    page.fill("#q", "level>=banana and so on for quite a while, until it is longer than the box")
    page.wait("!document.querySelector('#query-error').hidden")
    assert page.run(fits)
    small = page.run(
        "[...document.querySelectorAll('.bar button, .bar input')]"
        ".map((one) => one.getBoundingClientRect())"
        ".filter((one) => one.width && (one.height < 36 || one.width < 36)).length"
    )
    assert small == 0


def test_the_page_keeps_drawing_at_ten_thousand_lines_a_second(logs, visit):
    """The page goes on drawing and answering, shows the newest, and says how many it left out."""
    logs.send("begin")
    page = visit()
    page.wait(LIVE)
    page.run(
        """(() => { globalThis.frames_ = 0; const frame = () => { frames_ += 1;
        requestAnimationFrame(frame); }; requestAnimationFrame(frame); })()"""
    )
    pool = [one.pop("messages")[0] for one in samples(datetime.now(UTC))]
    begin, sent = time.monotonic(), 0
    while (now := time.monotonic() - begin) < 3:
        # As many as are due: the sender has no say in how fast a test's machine is.
        due = int(now * 10_000)
        logs.send(*(pool[number % len(pool)] for number in range(sent, due)), level="info")
        sent = due
        page.run("0")
    logs.send("the end")
    page.wait("[...document.querySelectorAll('.message')].at(-1).textContent === 'the end'")
    # It is 55 a second on a quiet machine; a page that is frozen until the end draws one or two.
    assert page.run("frames_") > 5
    assert page.run("document.querySelectorAll('.line').length") <= 400
    assert page.run("document.querySelector('#scroller').scrollTop") > 1000


def test_reduced_motion_stops_all_transitions(sampled, visit):
    page = visit(prefers_reduced_motion="reduce")
    page.wait(FULL)
    moving = (
        "[...document.querySelectorAll('*')]"
        ".filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length"
    )
    assert page.run(moving) == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_underscore_is_seen_in_the_field(visit, width, height):
    page = visit("?q=status_class", width=width, height=height)
    left, top, *size = page.box("#q")
    clip = {"x": left, "y": top, "width": size[0], "height": size[1], "scale": 1}

    def picture() -> str:
        return str(page.call("Page.captureScreenshot", format="png", clip=clip)["data"])

    shown = picture()
    page.run("void (document.querySelector('#q').value = 'status class')")
    assert shown != picture()


def test_a_picture_of_a_time_in_the_histogram(sampled, visit, folder):
    page = visit(width=1100, height=620)
    page.wait(FULL)
    left, top, width, _ = page.box("#histogram")
    page.drag((left + width * 0.63, top + 20), (left + width * 0.73, top + 20))
    page.wait("location.search.includes('since=') && !document.querySelector('#range').hidden")
    page.wait("document.querySelectorAll('.line').length > 10")
    assert page.picture(folder / "histogram-drag.png").startswith(b"\x89PNG")


def test_a_picture_of_a_line_among_its_neighbours(sampled, visit, folder):
    page = visit(width=1100, height=620)
    page.wait(FULL)
    page.fill("#q", "order")
    page.wait("document.querySelectorAll('mark .key').length > 5")
    page.run("document.activeElement.blur()")
    page.press("k")
    page.press("c")
    page.wait("document.querySelector('.context')")
    assert page.picture(folder / "context.png").startswith(b"\x89PNG")


def test_a_picture_of_a_line_and_its_fields(sampled, visit, folder):
    page = visit(width=1100, height=620)
    page.wait(FULL)
    open_an_error(page)
    assert page.picture(folder / "details.png").startswith(b"\x89PNG")


def test_a_picture_of_the_alerts(logs, visit, folder):
    now = datetime.now(UTC)
    show_alerts(logs, now)
    page = visit("alerts", ready="document.querySelectorAll('.alert').length === 4", **WIDE)
    assert page.picture(folder / "alerts.png").startswith(b"\x89PNG")


def test_a_picture_of_an_alert_that_is_made(logs, visit, folder):
    now = datetime.now(UTC)
    spans = ((19, 2), (17, 40), (5, 3), (1, 12))
    found = [episode(now - timedelta(hours=h), m, f"count {99 + m}", app="shop") for h, m in spans]
    times = {"since": stamp(now - timedelta(days=1)), "until": stamp(now)}
    logs.alerts.would = (200, would_fire(*found, **times))
    ready = "document.querySelector('#would-sentence').textContent"
    page = visit("alerts?new&q=%7C+count+by+app&last=24h", ready=ready, width=1100, height=480)
    page.write("100")
    page.wait("document.querySelectorAll('#would-list li').length === 4")
    page.fill("#alert-name", "busy-shop")
    assert page.picture(folder / "alert-form.png").startswith(b"\x89PNG")


def test_a_picture_of_the_documented_alert(browser, folder, tmp_path):
    """As a command gets it on its standard input, from a real daemon."""
    told = tmp_path / "told"
    command = tmp_path / "notify"
    command.write_text(f"#!/bin/sh\ncat >{told}.new && mv {told}.new {told}\n")
    command.chmod(0o755)
    alert = ("--alert", "level>=error", "--alert-command", str(command))
    with TwistdProcess("logsrv", "--listen", "tcp:0", *alert, directory=tmp_path) as daemon:
        daemon.wait_for_log("watches the store")
        with socket.create_connection(("127.0.0.1", daemon.port()), PATIENCE) as sender:
            sender.sendall("".join(f"{line}\n" for line in LINES).encode())
        wait_until(told.exists, "the message")
    message = told.read_text()
    assert "payment refused" in message
    text = html.escape(f"Subject: logsrv: level>=error\n\n{message}")
    page = browser.page("about:blank", width=900, height=360)
    page.run(f"void (document.body.innerHTML = {json.dumps(MAIL % text)})")
    assert page.picture(folder / "alert.png").startswith(b"\x89PNG")
