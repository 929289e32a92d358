"""docs/first-hour.md, followed by an operator who has an empty folder and one machine."""

import os
import re
import urllib.request
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.programs import program
from tests.parts.story import Story

pytestmark = [pytest.mark.long, pytest.mark.minutes(10)]

PAGE = (ROOT / "docs" / "first-hour.md").read_text()
PORTS = (1234, 2514, 5140, 5141, 8080)
PACKAGES = {
    "nc": "netcat-openbsd",
    "logger": "bsdutils",
    "curl": "curl",
    "hostname": "hostname",
    "rsyslogd": "rsyslog",
}


def test_the_first_hour_works_as_printed(tmp_path, index):
    folders = {str(Path(program(name, package)).parent) for name, package in PACKAGES.items()}
    path = os.pathsep.join([index["PATH"], *folders])
    with Story(tmp_path, ports=PORTS, environment={**index, "PATH": path}) as reader:
        # In CI it is elsewhere.
        reader.follow(PAGE.replace("/usr/sbin/rsyslogd", program("rsyslogd", "rsyslog")))
        # The web page whose address docs/first-hour.md gives.
        address = f"http://127.0.0.1:{reader.ports['8080']}/"
        assert f"<{address.replace(reader.ports['8080'], '8080')}>" in PAGE
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            assert "<html" in answer.read().decode().lower()
        reader.stop()


def test_the_parts_add_up_to_an_hour():
    assert sum(map(int, re.findall(r"^## .*\((\d+) minutes\)$", PAGE, re.MULTILINE))) == 60
