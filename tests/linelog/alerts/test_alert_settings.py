"""The options of alerts: whom to tell is asked for, and what is wrong in a query is pointed at."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.alerts.alert_settings import (
    COMMAND,
    PAGE,
    WEBHOOK,
    AlertOptions,
    AlertSettings,
    alerts_by_label,
    require_unique_labels,
)
from tests.parts.logger_services import settings


def alerts(*words: str) -> tuple[AlertSettings, ...]:
    return settings(*words).of(AlertOptions).alerts


def refused(*words: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        settings(*words)
    return str(caught.value)


def test_several_alerts_share_command_and_interval():
    one, two = alerts(
        "--alert", "level>=error", "--alert", "oops", "--alert-command", "mail -s 'a b' root"
    )
    assert (one.alert, two.alert) == ("level>=error", "oops")
    assert one.alert_command == two.alert_command == ("mail", "-s", "a b", "root")
    assert (one.alert_webhook, one.alert_every) == (None, 300.0)


def test_tables_have_settings_of_their_own_and_take_the_rest_from_above(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        'alert = ["oops"]\nalert-command = "bin/notify"\n'
        '[[alerts]]\nalert = "status>=500"\nname = "web"\nalert-every = "1m"\n'
        'alert-command = "off"\nalert-webhook = "http://127.0.0.1:9/"\n'
    )
    found = alerts("--config", str(config))
    assert alerts_by_label(found).keys() == {"1", "web"}
    assert [one.alert_every for one in found] == [300.0, 60.0]
    assert found[0].alert_command == (f"{tmp_path}/bin/notify",)
    assert (found[1].alert_command, found[1].alert_webhook) == (None, "http://127.0.0.1:9/")


def test_a_wrong_query_is_one_sentence_and_a_caret_under_the_place():
    sentence, query, caret = refused("--alert", "app=x (a", "--alert-command", "x").split("\n")
    assert sentence.startswith('--alert "app=x (a" (command line): ')
    assert (query, caret) == ("  app=x (a", "        ^")


def test_an_alert_without_a_way_is_refused():
    assert "--alert-command or --alert-webhook" in refused("--alert", "oops")


def test_two_alerts_of_one_name_are_refused(tmp_path):
    config = tmp_path / "c.toml"
    table = '[[alerts]]\nalert = "x"\nname = "2"\n'
    config.write_text('alert-command = "x"\n' + table + table.replace('name = "2"\n', ""))
    assert "two alerts are called 2" in refused("--config", str(config))


def test_labels_are_names_or_numbers():
    one = AlertSettings(alert="x", alert_command=("x",))
    two = AlertSettings(alert="x", alert_command=("x",), name="n")
    require_unique_labels((one, two))
    assert list(alerts_by_label((one, two, one))) == ["1", "n", "3"]


@pytest.mark.parametrize("text", ["", "''", "a 'b", "a\0b"])
def test_an_invalid_command_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        COMMAND.parse(text)


def test_a_command_is_found_from_any_directory_and_shown_as_it_is_typed():
    relative = COMMAND.locate(COMMAND.parse("./a 'b c'"), Path("/d"))
    assert relative == ("/d/a", "b c") and COMMAND.parse(COMMAND.show(relative)) == relative
    assert COMMAND.locate(("mail", "x"), Path("/d")) == ("mail", "x")
    assert COMMAND.locate(("/bin/mail",), Path("/d")) == ("/bin/mail",)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://x/", "x", "http://", "http:///x", "http://a b/", "http://user:p@x/", "http://x:0/",
        "http://x:99999/", "http://x:y/", "http://x/\n", "http://ü/", "http://[::1/",
    ],
)  # fmt: skip
def test_an_invalid_webhook_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        WEBHOOK.parse(text)


def test_the_page_is_a_url_without_a_query():
    assert PAGE.parse("https://logs.example/x") == PAGE.parse("https://logs.example/x/")
    for text in ("logs.example", "https://logs.example/?q=x", "https://logs.example/#x"):
        with pytest.raises(ValueError, match=r"."):
            PAGE.parse(text)


@pytest.mark.parametrize("text", ["http://[::1]:9/x?y=z", "https://hooks.example.net/T/B"])
def test_urls_of_webhooks_are_accepted(text):
    assert WEBHOOK.parse(text) == text


def test_an_alert_may_have_a_condition_and_a_wrong_one_is_pointed_at():
    text = "status>=500 | count > 100 in 5m by app"
    assert alerts("--alert", text, "--alert-command", "cat")[0].alert == text
    said = refused("--alert", "x | count > in 5m", "--alert-command", "cat")
    assert "count is a number, and in is not" in said and said.endswith("\n              ^")


def test_format_and_ends_of_episodes_may_be_chosen_for_each_alert(tmp_path):
    (tmp_path / "c.toml").write_text(
        'alert-webhook = "http://127.0.0.1:1/"\nalert-format = "slack"\n'
        '[[alerts]]\nalert = "a"\n'
        '[[alerts]]\nalert = "b"\nalert-format = "alertmanager"\nalert-resolved = "off"\n'
    )
    one, two = alerts("--config", str(tmp_path / "c.toml"))
    assert (one.alert_format, one.alert_resolved) == ("slack", True)
    assert (two.alert_format, two.alert_resolved) == ("alertmanager", False)
