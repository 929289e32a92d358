"""The page of alerts of a real daemon: made of the query of the live page, fired, silenced, removed."""

from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.chromium import Chromium
from tests.parts.daemons import LOOPBACK, Start

pytestmark = pytest.mark.long
SENTENCE = "document.querySelector('#would-sentence')?.textContent"
STATE = "document.querySelector('.alert .state')?.textContent"
FOCUS = "document.activeElement"


def test_an_alert_is_made_of_a_query_fires_is_silenced_and_removed(
    logger: Start, browser: Chromium, tmp_path: Path
) -> None:
    told = tmp_path / "told.txt"
    told.touch()
    script = tmp_path / "notify"
    script.write_text(f"#!/bin/sh\ncat >>{told}\n")
    script.chmod(0o755)
    saved = tmp_path / "alerts.json"
    words = ("--alert-command", str(script), "--alert-saved", str(saved))
    server = logger("--http", LOOPBACK, *words)
    server.send(b"level=error app=shop oops\nlevel=error app=shop oops\n")
    server.wait_for_messages(2)
    address = f"http://127.0.0.1:{server.ports()[1]}/"
    page = browser.page(f"{address}?q=%7C+count+by+app&last=1h")
    page.wait("!document.querySelector('#table').hidden")
    page.click("#alert-link")
    page.wait(SENTENCE)
    # A number that is none.
    page.write("x")
    page.wait("!document.querySelector('#query-error').hidden")
    page.press("Backspace")
    page.write("1")
    page.wait(f"{SENTENCE}.startsWith('Once in the last hour')")
    assert "app=shop" in page.text("#would-list")
    page.fill("#alert-name", "busy")
    page.press("Enter")
    page.wait(f"{STATE} === '○quiet'")
    assert "busy" in saved.read_text()

    wait_until(lambda: "watches the store for busy" in server.log(), "the alert watches")
    server.send(b"level=error app=shop again\n" * 3)
    page.wait(f"{STATE}?.startsWith('▲firing since')")
    assert page.texts(".groups .group") == ["app=shop"]
    page.wait("document.querySelector('.sent').textContent.includes('sent by command at')")
    wait_until(lambda: "firing app=shop" in told.read_text(), "the message")

    page.run("document.querySelector('[data-key=\"silence app=shop\"]').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#silence').open")
    page.run("document.querySelector('#reason').focus()")
    page.write("known")
    page.press("Enter")
    page.wait("document.querySelector('.groups .silenced-until')")
    assert page.texts("#silence-list .name") == ["busy, app=shop"]
    # A dialog that is closed gives the focus back, perhaps a frame after the list is drawn.
    page.wait("!document.querySelector('#silence').open")
    page.run(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )
    page.run("document.querySelector('#silence-list button').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#silences-part').hidden")

    lines = page.run("document.querySelector('.groups a').href")
    page.run("document.querySelector('[data-key=remove]').focus()")
    page.press("Enter")
    page.wait(f"{FOCUS}.textContent === 'Undo' && !document.querySelector('.alert')")
    assert saved.read_text() == "{}\n"
    page.press("Enter")
    page.wait(STATE)
    assert "busy" in saved.read_text()
    page.go(lines)
    page.wait("document.querySelectorAll('.line').length === 5")
    assert [one for one in page.complaints if "status of 400" not in one] == []


def test_alerts_of_the_configuration_are_shown_and_not_changed(
    logger: Start, browser: Chromium
) -> None:
    server = logger("--http", LOOPBACK, "--alert", "level>=error", "--alert-command", "true")
    page = browser.page(f"http://127.0.0.1:{server.ports()[1]}/alerts?new&q=oops")
    page.wait(f"{STATE} === '≡reports lines'")
    assert "--alert-saved FILE" in page.text("#why-not")
    page.wait(f"{SENTENCE} === '0 lines in the last 24 hours, reported in 0 messages.'")
    assert page.run("document.querySelector('#save').disabled")
    assert page.texts(".alert button") == []
