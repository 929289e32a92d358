"""The pictures of the documents that show something done; those of the live page: test_looks.

`make pictures` writes them into docs/pictures/; else they are thrown away.
"""

import html
import json
import socket
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess, wait_until
from tests.linelog.http.page.looks import FULL, PICTURES, open_an_error

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(PICTURES) if PICTURES else tmp_path


def test_a_picture_of_a_time_in_the_histogram(sampled, visit, folder):
    page = visit(width=1100, height=620)
    page.wait(FULL)
    left, top, width, _ = page.place("#histogram")
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


def test_the_documented_alert_is_real(browser, folder, tmp_path):
    """As a command gets it on its standard input, from a real daemon."""
    told = tmp_path / "told"
    command = tmp_path / "notify"
    command.write_text(f"#!/bin/sh\ncat >{told}.new && mv {told}.new {told}\n")
    command.chmod(0o755)
    alert = ("--alert", "level>=error", "--alert-command", str(command))
    with TwistdProcess("logsrv", "--listen", "tcp:0", *alert, directory=tmp_path) as daemon:
        daemon.wait_for_log("watches the store")
        with socket.create_connection(("127.0.0.1", daemon.port())) as sender:
            sender.sendall("".join(f"{line}\n" for line in LINES).encode())
        wait_until(told.exists, "the message")
    message = told.read_text()
    assert "payment refused" in message
    text = html.escape(f"Subject: logsrv: level>=error\n\n{message}")
    page = browser.page("about:blank", width=900, height=360)
    page.run(f"void (document.body.innerHTML = {json.dumps(MAIL % text)})")
    assert page.picture(folder / "alert.png").startswith(b"\x89PNG")
