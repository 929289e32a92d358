"""docs/alerts.md, followed by a reader in an empty folder."""

import json
import re
from pathlib import Path

import pytest

from logsrv.linelog.alerts import message
from logsrv.linelog.alerts.alert_settings import AlertOptions, AlertSettings, alerts_by_label
from logsrv.linelog.alerts.tally import SHOWN, MatchTally
from logsrv.linelog.plugin.service import Options
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.segment import Position
from tests.parts.story import OURS, Story, blocks

PAGE = (Path(__file__).parent.parent.parent / "docs" / "alerts.md").read_text()


def block(language: str) -> str:
    [found] = [one.body for one in blocks(PAGE) if one.language == language]
    return found


@pytest.mark.slow
def test_the_page_about_alerts_works_as_printed(tmp_path):
    with Story(tmp_path, ports=(1234,), environment=OURS) as reader:
        # The page uses the default port; the test needs a free one.
        page = PAGE.replace("logsrv --alert 'l", "logsrv --listen tcp:1234 --alert 'l", 1)
        reader.follow(page)
        reader.stop()


def test_the_json_of_the_page_is_the_one_that_is_posted():
    shown = json.loads(block("json"))
    [line] = shown["lines"]
    stored = f"{line['time']} {line['source']} {line['message']}".encode()
    hit = Hit(Position(17, 52311), stored)
    tally = MatchTally(1)
    tally.add_matches([hit], 1, stored, 0)
    alert = AlertSettings(alert=shown["query"], alert_command=("x",))
    assert json.loads(message.message_of_lines(alert, tally.counted, shown["server"]).json) == shown


def test_the_settings_of_the_page_are_valid(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(block("toml"))
    options = Options()
    options.environment = {}
    options.parseOptions(["--config", str(config)])
    found = alerts_by_label(options.settings.of(AlertOptions).alerts)
    assert {name: one.alert_every for name, one in found.items()} == {"disk": 300, "web": 60}
    assert (found["web"].alert_command, found["disk"].alert_webhook) == (None, None)


def test_the_limits_of_alerts_on_the_page_are_those_of_the_code():
    from logsrv.linelog.alerts.ways import command, webhook

    assert (SHOWN, message.LONGEST, command.SECONDS, webhook.SECONDS) == (10, 1000, 60, 10)
    for code in webhook.AGAIN:
        assert re.search(rf"\b{code}\b", PAGE)
