"""The example of docs/operating.md, run against a real server."""

import logging
import re
import runpy
from pathlib import Path

import pytest

from logsrv.linelog.plugin.findings import try_line
from tests.parts.daemons import LOOPBACK, Twistd
from tests.parts.logger_services import settings

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text()
[HANDLER] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

[MASKED] = [
    text
    for text in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    if "mask" in text
]


def test_the_masks_and_drops_of_the_page_do_what_it_says(tmp_path):
    file = tmp_path / "logsrv.toml"
    file.write_text(MASKED)
    found = settings("--config", str(file))
    health = '1.2.3.4 - - [30/Nov/2026:08:00:00 +0000] "GET /health HTTP/1.1" 200 5 "-" "-"'
    for line, first, second in (
        (
            "card 4111111111111111",
            "would store: card (masked)",
            "would store: card 4111111111111111",
        ),
        (
            '{"password": "x y", "card": 4111111111111111}',
            'would store: {"password": "(masked)", "card": "(masked)"}',
            'would store: {"password": "x y", "card": 4111111111111111}',
        ),
        (health, *["would not store the line, because of --drop"] * 2),
        ("level=debug a=1", *["would not store the line, because of --drop"] * 2),
        (health.replace("200", "500"), *[f"would store: {health.replace('200', '500')}"] * 2),
    ):
        assert [one.sentence for one in try_line(found, line)] == [first, second]


def test_pythons_handler_sends_lines(tmp_path):
    """Each record becomes a line at once, not when the connection closes."""
    with Twistd("logsrv", "--listen", LOOPBACK, directory=tmp_path) as server:
        program = tmp_path / "program.py"
        program.write_text(HANDLER.replace("1234", str(server.port())))
        handler = runpy.run_path(str(program))["handler"]
        for text in ("card refused", "card taken"):
            handler.handle(logging.makeLogRecord({"msg": text, "levelname": "ERROR"}))
        stored = tmp_path / "logs" / "current.log"
        server.wait_until(lambda: stored.read_bytes().count(b"\n") == 2, "the lines")
        handler.close()
        messages = [line.split(" ", 2)[2] for line in stored.read_text().splitlines()]
    assert messages == ["<11>shop: ERROR card refused", "<11>shop: ERROR card taken"]
