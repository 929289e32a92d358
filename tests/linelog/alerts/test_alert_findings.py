"""Checks of alerts: their programs, and their webhooks."""

from pathlib import Path

from logsrv.kit.service.findings import CheckRequest, Finding, FindingLevel, current_user
from tests.parts.logger_services import findings
from tests.parts.users import as_root, nobody, open_directory

REACHING = CheckRequest(current_user(), reach=True)
ALERT = 'alert = ["error"]\n'


def alerts(directory: Path, text: str, asked: CheckRequest | None = None) -> list[Finding]:
    return findings(directory, ALERT + text, asked)


def test_a_missing_program_of_an_alert_is_an_error(tmp_path):
    [found] = alerts(tmp_path, 'alert-command = "sh -c true"')
    assert found == Finding(
        FindingLevel.OK, "alert 1", f"sh can be run by user {current_user().name}"
    )
    [found] = alerts(tmp_path, 'alert-command = "no-such-program"')
    assert (
        found.level is FindingLevel.ERROR
        and "there is no program no-such-program" in found.sentence
    )


@as_root
def test_an_alert_command_that_only_root_may_run_is_an_error():
    with open_directory() as directory:
        program = directory / "tell"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        text = f'alert-command = "{program}"'
        assert [one.level for one in alerts(directory, text)] == [FindingLevel.OK]
        [found] = alerts(directory, text, CheckRequest(nobody()))
        assert found.level is FindingLevel.ERROR and found.sentence.endswith("by user nobody")


def test_webhooks_are_named_without_their_secret(tmp_path):
    text = 'alert-webhook = "http://127.0.0.1:9/T1/secret"'
    [found] = alerts(tmp_path, text)
    assert found.sentence == "is at 127.0.0.1:9 (not contacted; --reach tries)"
    [found] = alerts(tmp_path, text, REACHING)
    assert found.level is FindingLevel.ERROR and "secret" not in found.sentence
    [found] = alerts(tmp_path, 'alert-webhook = "https://hooks.example/T1"')
    assert "hooks.example:443" in found.sentence


def test_the_alerts_of_the_page_are_checked_with_their_general_way(tmp_path):
    saved = tmp_path / "alerts.json"
    text = f'alert-saved = "{saved}"\n'
    [found] = [one for one in findings(tmp_path, text) if "page" in one.subject]
    assert (
        found.level is FindingLevel.ERROR and "--alert-command or --alert-webhook" in found.sentence
    )
    text += 'alert-command = "sh -c true"\n'
    saved.write_text('{"good": {"alert": "x"}, "bad": {"alert": "| count"}}')
    found_of = {one.subject: one for one in findings(tmp_path, text)}
    assert found_of["alerts of the page"].level is FindingLevel.OK
    assert found_of["alert bad of the page"].sentence.startswith("does not run: ")
    assert "alert good of the page" not in found_of
    saved.write_text("{")
    levels = [one for one in findings(tmp_path, text) if one.level is FindingLevel.ERROR]
    assert ["they cannot be read" in one.sentence for one in levels] == [True]
