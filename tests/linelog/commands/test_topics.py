"""Topics of `logsrv help`: short, and held to the code and the documents that they tell of."""

import re
import tomllib
from pathlib import Path

import pytest

from logsrv.cli.command import COMMANDS, parser_of
from logsrv.kit.net.endpoint import ARGUMENTS
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.linelog.alerts.alert_settings import AlertOptions
from logsrv.linelog.commands.help_command import topic_text, topics
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.formats.registry import INPUTS
from logsrv.linelog.intake.over_http.http_format import HTTP_FORMATS
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.times import parse_moment
from tests.parts.commands import logsrv
from tests.parts.daemons import Twistd

ROOT = Path(__file__).parents[3]


def first_words(text: str) -> list[str]:
    """The left column of what is indented: its first word, or its parts before two spaces."""
    rows = re.findall(r"^  (\S.*)$", text, re.MULTILINE)
    return [re.split(r"  +", row)[0] for row in rows]


@pytest.mark.parametrize("name", topics())
def test_a_topic_is_short_and_names_nothing_that_may_be_missing(name):
    text = topic_text(name)
    assert len(text.splitlines()) <= 50
    assert max(map(len, text.splitlines())) <= 78
    assert text.isascii() and text.endswith("\n")
    assert ".md" not in text and "docs/" not in text


def test_no_topic_is_called_as_a_command():
    assert not set(topics()) & set(COMMANDS.ours())


def test_every_option_that_is_named_exists():
    known = set()
    for command in COMMANDS.ours().values():
        known |= set(re.findall(r"--[a-z-]+", parser_of(command).format_help()))
    options = logsrv_options()
    known |= options | {"--help-all", "--help"}
    for name in topics():
        for command, option in re.findall(
            r"(?m)(^.*)(?<![\w-])(--[a-z]+[a-z-]*)", topic_text(name)
        ):
            assert option in known or "openssl" in command, (name, option)


def logsrv_options() -> set[str]:
    text = (ROOT / "docs" / "options.md").read_text()
    return set(re.findall(r"`(--[a-z-]+)", text))


def test_the_topic_endpoints_lists_all_endpoints():
    text = topic_text("endpoints")
    table = [word for word in first_words(text) if not word.startswith("twistd")]
    schemes = {endpoint.split(":")[0] for endpoint in table}
    assert schemes == {*ARGUMENTS, "haproxy"}
    for endpoint in table:
        # Files need not be here.
        if not endpoint.startswith(("ssl", "tls")):
            parse_endpoint(endpoint)


def test_the_topic_inputs_lists_all_inputs():
    """And below `http` the formats over HTTP."""
    text = topic_text("inputs")
    words = [word for word in first_words(text) if not word.startswith("twistd")]
    assert words == [*INPUTS.ours()]
    assert re.findall(r"^    (\w+)  ", text, re.MULTILINE) == [*HTTP_FORMATS.ours()]


def test_queries_can_be_asked_and_stand_in_the_document():
    text = topic_text("query")
    document = (ROOT / "docs" / "query.md").read_text()
    for query in first_words(text):
        if not query.startswith("logsrv"):
            for each in query.split(", "):
                parse(each)
    listed = re.search(r"The levels: (.*?)\.", text)
    assert listed and set(listed[1].split(", ")) == set(LEVELS)
    assert all(f"`{level}`" in document for level in LEVELS)
    for command in re.findall(r"'([^']+)'", text):
        parse_question(command)


def test_every_time_in_the_topic_time_is_accepted():
    for words in first_words(topic_text("time")):
        if not words.startswith("logsrv"):
            for each in words.split(", "):
                parse_moment(each.strip("'"), 1_800_000_000.0, utc=True)


def test_the_configuration_can_be_loaded(tmp_path):
    text = topic_text("config")
    begin = text.index('  directory = "')
    part = re.sub(r"(?m)^  ", "", text[begin : text.index("SIGHUP")])
    tomllib.loads(part)
    file = tmp_path / "logsrv.toml"
    file.write_text(part)
    sources = SettingsSources(name="logsrv", directory=tmp_path, arguments={"config": [str(file)]})
    settings = load_settings(LoggerSettings, sources).settings
    assert [str(listener.listen) for listener in settings.listener] == ["syslog:tcp:6514"]
    assert [alert.alert for alert in settings.of(AlertOptions).alerts] == ["level>=critical"]


def test_every_variable_that_is_read_is_listed():
    read = {
        name
        for path in (ROOT / "logsrv").rglob("*.py")
        if "template" not in path.parts
        for name in re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', path.read_text())
    }
    text = topic_text("environment")
    assert {name for name in read if not re.search(rf"\b{name}\b", text)} <= NOT_FOR_PEOPLE


# Set by the system or a service manager, or read by what every program reads it for.
NOT_FOR_PEOPLE = {
    "PATH",
    "HOME",
    "SOURCE_DATE_EPOCH",
    "LISTEN_FDS",
    "NOTIFY_SOCKET",
    "SUDO_USER",
    "SUDO_UID",
}


def test_statuses_are_those_of_searches():
    searching = re.search(r"look for lines \((.*?)\)", topic_text("exit"))
    known = {name for name, command in COMMANDS.ours().items() if command.searches}
    assert searching and set(searching[1].split(", ")) == known


@pytest.mark.slow
def test_a_server_that_was_stopped_ends_as_it_says(tmp_path):
    _, servers = topic_text("exit").split("The servers (")
    listed = re.findall(r"^  (\d+) +(.*)", servers, re.MULTILINE)
    words = ("greet", "--listen", "tcp:0:interface=127.0.0.1")
    with Twistd(*words, directory=tmp_path) as server:
        status = server.stop()
    # As a shell tells of a signal.
    [said] = [text for number, text in listed if int(number) == 128 - status]
    assert said.startswith("stopped by SIGTERM")


def test_files_are_those_of_the_document():
    document = (ROOT / "docs" / "operating.md").read_text()
    for suffix in re.findall(r"\.[a-z.]+", " ".join(first_words(topic_text("files")))):
        assert suffix in document, suffix


def test_the_server_has_what_durability_says():
    help_ = logsrv("help", "durability").stdout.decode()
    assert re.findall(r"^  (always|interval|never) ", help_, re.MULTILINE) == [
        "always",
        "interval",
        "never",
    ]


def test_every_tls_argument_in_the_topic_exists():
    words = first_words(topic_text("tls"))
    table = [each for word in words for each in word.split(", ") if re.fullmatch("[a-zA-Z]+", each)]
    assert set(table) <= set(ARGUMENTS["ssl"]) and len(table) == 6
