"""The list of alerts in a real browser: states, deliveries, links, filters; it follows the server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import open_list
from tests.linelog.http.page.fake import TOKEN, Logs
from tests.linelog.http.page.fake_alerts import (
    SHARES,
    alert,
    delivery,
    episode,
    firing,
    silence,
    stamp,
)
from tests.linelog.http.page.looks import BIDI, CONTRAST, CORPUS, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
NAMES = ".alert h3"
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TEXT = "(one) => one.textContent"
WHY_NOT = "alerts are not changed here; --alert-saved FILE lets readers make and silence them"
FOCUS = "document.activeElement"


def look_again(page: Page) -> None:
    """Let the page ask at once, as when it is seen again."""
    page.run("void document.dispatchEvent(new Event('visibilitychange'))")


def card(name: str) -> str:
    cards = "[...document.querySelectorAll('.alert')]"
    return f"{cards}.find((one) => one.querySelector('h3').textContent === '{name}')"


def words(page: Page, name: str) -> str:
    return str(page.run(f"{card(name)}.innerText"))


def test_each_state_is_told_in_words_with_a_sign(logs, visit):
    groups = [firing(TODAY, app="shop"), firing(TODAY + timedelta(minutes=9), app="mail")]
    logs.alerts.alerts = [
        alert("quiet", "| count > 9 in 5m"),
        alert("lines"),
        alert(
            "wrong", "status>= | count > 1 in 5m", error="there is nothing to compare with", at=9
        ),
        alert("many", SHARES, state="firing", groups=groups),
    ]
    page = open_list(visit, 4)
    assert page.texts(NAMES) == ["many", "lines", "quiet", "wrong"]
    assert page.texts(".alert .state") == [
        "▲firing since 12:00, 2 groups",
        "≡reports lines",
        "○quiet",
        "✕wrong: it watches nothing",
    ]
    assert page.text(".alert .caret") == "status>= | count > 1 in 5m\n        ^"
    assert "there is nothing to compare with" in words(page, "wrong")
    assert page.texts(".groups .group") == ["app=shop", "app=mail"]
    assert page.texts(".groups .figures")[0] == "since 12:00 · count 120"
    assert page.text("#summary") == "4 alerts, 1 firing: many, 1 wrong"
    assert page.run("document.title") == "1 firing – Alerts – logsrv"


def test_what_was_sent_of_an_alert_is_told_of_each_way(logs, visit):
    failed = delivery("failed", TODAY, way="command", why="the command ends with status 75")
    failed["next"] = stamp(TODAY + timedelta(minutes=5))
    logs.alerts.alerts = [
        alert("a", delivery=[delivery("sent", TODAY + timedelta(minutes=5)), failed]),
        alert("b", of="page", delivery=[delivery("waiting", None, why="the server answers 500.")]),
        alert("c"),
        alert("d", ways=[], delivery=[]),
    ]
    page = open_list(visit, 4)
    assert page.run(f"[...{card('a')}.querySelectorAll('.sent :is(li, p)')].map(({TEXT}))") == [
        "sent by webhook at 12:05",
        "failed by command at 12:00: the command ends with status 75, tried again at 12:05",
        "from the configuration; changed there",
    ]
    sent = [page.run(f"{card(name)}.querySelector('.sent').textContent") for name in "bcd"]
    assert sent[0] == "not sent yet by webhook: the server answers 500made on this page"
    assert sent[1].startswith("nothing sent by webhook since 20 Nov 06:00")
    assert sent[2].startswith("sends nothing: no command, no webhook")


def test_an_episode_leads_to_its_lines_and_the_window_before_them(logs, visit):
    last = episode(TODAY, 12, app="my shop", host=None)
    logs.alerts.alerts = [
        alert("a", "level>=error | count in 5m by app, host | where count > 9", last=last),
        alert("b", SHARES, state="firing", groups=[firing(TODAY, app="shop")]),
    ]
    page = open_list(visit, 2)
    assert "Last fired 12:00 – 12:12 (12 min), app=my shop host=(none)" in words(page, "a")
    ended = page.run(
        f"Object.fromEntries(new URL({card('a')}.querySelector('.last a')).searchParams)"
    )
    day = f"{TODAY:%Y-%m-%d}"
    assert ended == {
        "q": 'level>=error app="my shop" -host=*',
        "since": f"{day}T11:55:00.000Z",
        "until": f"{day}T12:12:01.000Z",
    }
    now = page.run(
        f"Object.fromEntries(new URL({card('b')}.querySelector('.groups a')).searchParams)"
    )
    assert now == {"q": "app=shop", "since": f"{day}T11:55:00.000Z"}


def test_the_list_follows_the_server_and_keeps_the_focus_and_the_place(logs, visit):
    many = [alert(f"alert {number:02}", SHARES) for number in range(30)]
    logs.alerts.alerts = many
    page = open_list(visit, 30, height=400)
    page.run(f"{card('alert 20')}.querySelector('[data-key=silence]').focus()")
    # The reader reads on, away from what has the focus.
    page.run("void scrollTo(0, 700)")
    top = f"Math.round({card('alert 15')}.getBoundingClientRect().top)"
    before = page.run(top)
    many[20] = alert("alert 20", SHARES, state="firing", groups=[firing(TODAY, app="shop")])
    page.wait("document.querySelector('#summary').textContent.includes('1 firing: alert 20')")
    assert page.text(NAMES) == "alert 20"
    assert page.run(f"{FOCUS}.textContent") == "Silence …"
    assert page.run(f"{FOCUS}.closest('.alert').querySelector('h3').textContent") == "alert 20"
    assert page.run(top) == before


def test_what_does_not_change_is_not_drawn_again(logs, visit):
    logs.alerts.alerts = [alert("a", SHARES), alert("b", SHARES)]
    page = open_list(visit, 2)
    page.run(f"void ({card('a')}.querySelector('code').kept = true)")
    asked = sum(one == "/api/alerts" for one in logs.asked)
    look_again(page)
    wait_until(lambda: sum(one == "/api/alerts" for one in logs.asked) > asked, "another request")
    logs.alerts.alerts.append(alert("c"))
    look_again(page)
    page.wait("document.querySelectorAll('.alert').length === 3")
    assert page.run(f"{card('a')}.querySelector('code').kept") is True


def test_the_list_is_filtered_by_text_and_state(logs, visit):
    logs.alerts.alerts = [
        alert("web errors", "app=web level>=error"),
        alert("disk", SHARES, state="firing", groups=[firing(TODAY, app="db")]),
        alert("mail", "app=mail | none in 10m"),
    ]
    logs.alerts.silences = [silence("mail")]
    page = open_list(visit, 3)
    shown = (
        "[...document.querySelectorAll('.alert')].filter((one) => !one.hidden)"
        ".map((one) => one.querySelector('h3').textContent)"
    )
    for text, names in (("ERR web", ["web errors"]), ("app=db", ["disk"]), ("nothing", [])):
        page.fill("#filter", text)
        assert page.run(shown) == names
        assert page.text("#filter-note") == f"{len(names)} of 3 alerts"
    page.fill("#filter", "")
    for state, names in (
        ("firing", ["disk"]),
        ("quiet", ["mail"]),
        ("lines", ["web errors"]),
        ("silenced", ["mail"]),
        ("wrong", []),
        ("", ["disk", "mail", "web errors"]),
    ):
        page.run(
            f"void (document.querySelector('#state').value = '{state}',"
            " document.querySelector('#state').dispatchEvent(new Event('input')))"
        )
        assert page.run(shown) == names
    assert page.text("#filter-note") == ""


def test_the_first_groups_are_listed_and_all_when_asked_for(logs, visit):
    groups = [firing(TODAY, app=f"app {number}") for number in range(100)]
    logs.alerts.alerts = [alert("a", SHARES, state="firing", groups=groups, group_count=250)]
    page = open_list(visit, 1)
    assert page.text(".state").endswith("250 groups")
    assert len(page.texts(".groups li")) == 5
    assert page.text(".body .note") == "Show all 100 of 250; the others are not listed"
    page.run("document.querySelector('.body .note button').focus()")
    page.press("Enter")
    page.wait("document.querySelectorAll('.groups li').length === 100")
    assert page.run(f"{FOCUS}.textContent") == "Show fewer"


def test_without_alerts_the_page_says_how_to_make_one(logs, visit):
    page = visit("alerts", ready="!document.querySelector('#none').hidden")
    assert "with “New alert”" in page.text("#none") and "--alert" in page.text("#none")
    assert not page.run("document.querySelector('#why-not').checkVisibility()")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    logs.alerts.may_change = False
    logs.alerts.why_not = WHY_NOT
    look_again(page)
    page.wait("document.querySelector('#why-not').checkVisibility()")
    assert page.text("#why-not") == f"A{WHY_NOT[1:]}."
    assert "--alert-command or --alert-webhook" in page.text("#none")


def test_a_reader_who_may_change_nothing_gets_no_buttons(logs, visit):
    logs.alerts.may_change = False
    logs.alerts.why_not = WHY_NOT
    logs.alerts.alerts = [
        alert("a", SHARES, of="page", state="firing", groups=[firing(TODAY, app="x")])
    ]
    logs.alerts.silences = [silence("a")]
    page = open_list(visit, 1)
    assert page.run("document.querySelectorAll('.alert button, #silence-list button').length") == 0
    assert page.text("#why-not") == f"A{WHY_NOT[1:]}."


def test_the_page_says_that_the_server_is_away_and_goes_on(logs, visit):
    logs.alerts.alerts = [alert("a")]
    page = open_list(visit, 1)
    page.run(
        "void (globalThis.fetched = fetch, globalThis.fetch = () => Promise.reject(new TypeError()))"
    )
    look_again(page)
    page.wait("!document.querySelector('#banner').hidden")
    assert page.text("#trouble").startswith("The server has not answered since ")
    page.run("void (globalThis.fetch = fetched)")
    page.wait("document.querySelector('#banner').hidden")


def test_the_page_asks_for_the_token(logs, visit):
    logs.token = True
    logs.alerts.alerts = [alert("a")]
    page = visit("alerts", ready="document.querySelector('#log-in').open")
    page.fill("#token", TOKEN)
    page.press("Enter")
    page.wait("document.querySelectorAll('.alert').length === 1")
    assert page.run("document.querySelector('#banner').hidden")


def test_text_of_strangers_is_text(logs: Logs, visit: Any) -> None:
    """Names, queries, groups, figures, reasons and sentences of errors, however long."""
    # UTF-8, in which names are kept, has no halves of characters.
    texts = [text.replace("\ud800", "") for text in (*CORPUS, BIDI, "x" * 200)]
    logs.alerts.alerts = [
        alert(
            text,
            text,
            state="firing",
            of="page",
            groups=[firing(TODAY, text, **{text: text})],
            last=episode(TODAY, 1, **{text: text}),
            delivery=[delivery("failed", TODAY, way=text, why=text)],
            error=text if number % 2 else "",
        )
        for number, text in enumerate(texts)
    ]
    logs.alerts.silences = [
        silence(text, reason=text, group={text: text}, id=str(number))
        for number, text in enumerate(texts)
    ]
    logs.alerts.why_not = BIDI
    page = open_list(visit, len(texts), width=390, height=844)
    page.run("for (const one of document.querySelectorAll('.alert button')) one.click()")
    page.wait("document.querySelector('#silence').open")
    assert page.run("document.documentElement.scrollWidth") == 390
    assert page.run("globalThis.owned ?? null") is None
    foreign = (
        "#list-part :is(script, img, iframe, style, form), #silences-part :is(script, img, form)"
    )
    assert page.run(f"document.querySelectorAll('{foreign}').length") == 0
    assert "\u202e" not in page.run("document.body.textContent + document.title")


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 1440, 900), ("dark", 1280, 800), ("light", 390, 844), ("dark", 390, 844)],
)
def test_the_list_is_readable_and_accessible(logs, visit, scheme, width, height):
    groups = [firing(TODAY, app="shop"), firing(TODAY, app="mail")]
    failed = delivery("failed", TODAY, why="the server answers 500")
    logs.alerts.alerts = [
        alert("many", SHARES, state="firing", groups=groups, delivery=[failed]),
        alert("wrong", "status>=", error="there is nothing to compare with", at=9, of="page"),
        alert("lines", of="page", last=episode(TODAY, 5)),
    ]
    logs.alerts.silences = [
        silence("lines", reason="release"),
        silence("many", group={"app": "mail"}),
    ]
    page = open_list(visit, 3, width=width, height=height, prefers_color_scheme=scheme)
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    assert len([one for one in logs.asked if not one.startswith("/api")]) <= 8
    small = page.run(
        "[...document.querySelectorAll('button, select, #filter, .alert a')]"
        ".map((one) => [one.textContent, one.getBoundingClientRect()])"
        ".filter(([, box]) => box.width && box.height < 36).map(([text]) => text)"
    )
    assert width > 1000 or small == []
