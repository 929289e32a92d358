"""The example of docs/operating.md, run against a real server."""

import logging
import re
import runpy
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess
from tests.parts.daemons import LOOPBACK

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text()
[HANDLER] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_pythons_handler_sends_lines(tmp_path):
    """Each record becomes a line at once, not when the connection closes."""
    with TwistdProcess("logsrv", "--listen", LOOPBACK, directory=tmp_path) as server:
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
