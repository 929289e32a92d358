"""The part of docs/shipping.md about other targets, followed by a reader and compared with the code."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from logsrv.linelog.ship.address import SCHEMES
from logsrv.linelog.ship.encode.loki import MOST_HOSTS
from logsrv.linelog.ship.encode.outgoing import LONGEST_NAME
from logsrv.linelog.ship.shipping.loop import ANSWER
from tests.docs.story import Story

PAGE = (Path(__file__).parent.parent.parent / "docs" / "shipping.md").read_text()
SECTION = PAGE[PAGE.index("## Other systems as targets") :].partition("\n## ")[0]


@pytest.mark.long
def test_six_targets_get_a_line_as_printed(tmp_path: Path) -> None:
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, os.environ["PATH"]])
    trial = SECTION[SECTION.index("### Try it") :].partition("\n### ")[0]
    with Story(tmp_path, ports=(2514, 1514, 3100, 5140), environment={"PATH": path}) as reader:
        reader.follow(trial)
        reader.stop()


def test_all_schemes_of_lines_are_named() -> None:
    lines = {name for name, scheme in SCHEMES.items() if scheme.takes == "lines"}
    for scheme in lines:
        assert f"`{scheme}:" in SECTION, scheme


def test_the_limits_of_targets_on_the_page_are_those_of_the_code() -> None:
    assert f"after {MOST_HOSTS:,} hosts" in SECTION
    assert f"cut at {LONGEST_NAME} characters" in SECTION
    assert f"gives up after {ANSWER:g} s, and" in SECTION
    ports = dict(re.findall(r"`(syslog(?:\+tls)?)://HOST` \((?:port )?(\d+)\)", SECTION))
    assert ports == {name: str(SCHEMES[name].port) for name in ("syslog", "syslog+tls")}
