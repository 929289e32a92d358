"""Options and commands of earlier versions: whoever still has one is told what to use instead."""

import io
from pathlib import Path

import pytest

from logsrv.cli import command as finder
from logsrv.cli.main import main
from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.command import main as gopher
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import option_name, options_of, tables_of
from logsrv.kit.options.gone import GONE, gone_sentence
from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.kit.options.usage import usage_options
from logsrv.linelog.http.endpoints import BY_PATH, ENDPOINTS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.plugin.logger_settings import LoggerSettings

COMMANDS = finder.COMMANDS.ours()
OF_LOGSRV = [key.split()[1:] for key in GONE if key.startswith("logsrv ")]
SERVICE_OPTIONS_GONE = [words[0] for words in OF_LOGSRV if words[0].startswith("--")]
COMMANDS_GONE = [words[0] for words in OF_LOGSRV if words[1:] == [] and words[0][0] != "-"]
COMMAND_OPTIONS_GONE = [
    words for words in OF_LOGSRV if words[0] in COMMANDS and words[1:] and words[1].startswith("--")
]
ENDPOINTS_GONE = [words for words in OF_LOGSRV if words[0] == "connect" and words[-1][-1] == ":"]
OPTIONS_OF_GOPHER_GONE = [key.split()[1:] for key in GONE if key.startswith("gopher ")]
PARAMETERS_GONE = [key.split()[1] for key in GONE if key.startswith("API ")]


def sentence_about(*words: str) -> str:
    said = gone_sentence(" ".join(["logsrv", *words[:-1]]), words[-1])
    assert said is not None
    return said


def load_file(path: Path, text: str) -> None:
    path.write_text(text)
    given = {"config": [str(path)]}
    load_settings(
        LoggerSettings, SettingsSources(name="logsrv", directory=path.parent, arguments=given)
    )


@pytest.fixture
def an_option_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("logsrv --colour", "logsrv search --colour", "logsrv run --colour"):
        monkeypatch.setitem(GONE, key, "paint the screen")


def test_each_entry_is_of_a_kind_that_is_looked_up():
    of_programs = (COMMANDS_GONE, SERVICE_OPTIONS_GONE, COMMAND_OPTIONS_GONE, ENDPOINTS_GONE)
    others = (PARAMETERS_GONE, OPTIONS_OF_GOPHER_GONE)
    assert sum(len(kind) for kind in (*of_programs, *others)) == len(GONE)


@pytest.mark.parametrize("words", OPTIONS_OF_GOPHER_GONE)
def test_an_option_of_gopher_that_is_gone_says_what_to_use(words):
    said = io.StringIO()
    assert gopher.run([*words, "h", "d"], io.BytesIO(), said) == 2
    assert said.getvalue().startswith(f"gopher: {words[-1]} is gone: ")


def test_no_entry_hides_what_there_is():
    declared = {*map(option_name, options_of(LoggerSettings)), *tables_of(LoggerSettings)}
    assert not {f"--{name}" for name in declared} & {*SERVICE_OPTIONS_GONE}
    assert not {*COMMANDS} & {*COMMANDS_GONE}
    for command, option in COMMAND_OPTIONS_GONE:
        assert f"{option} " not in finder.parser_of(COMMANDS[command]).format_help()
    for endpoint in ENDPOINTS:
        assert not {one.name for one in endpoint.parameters} & {*PARAMETERS_GONE}


def test_a_command_that_is_gone_says_what_to_use_instead(capsys):
    said = sentence_about("replay")
    assert main(["replay", "some", "--words"]) == 2
    assert capsys.readouterr().err == f"logsrv: replay is {said}\n"
    assert main(["help", "replay"]) == 2
    assert f"replay is {said}" in capsys.readouterr().err


def test_an_option_of_a_command_that_is_gone_says_what_to_use_instead(capsys):
    said = sentence_about("search", "--nodes")
    assert main(["search", "some", "--nodes=x"]) == 2
    assert capsys.readouterr().err == f"logsrv search: --nodes is {said}\n"


def test_an_endpoint_of_a_kind_that_is_gone_says_what_to_use_instead(capsys):
    said = sentence_about("connect", "udp:")
    assert main(["connect", "udp:localhost:514"]) == 2
    assert f"udp:localhost:514: udp: is {said}" in capsys.readouterr().err


def test_a_service_refuses_an_option_that_is_gone(tmp_path):
    said = sentence_about("--nodes")
    options = usage_options(LoggerSettings, name="logsrv", version="1")()
    with pytest.raises(ConfigurationError) as caught:
        options.parseOptions(["--nodes", "x"])
    assert str(caught.value) == f"--nodes (command line): {said}"
    file = tmp_path / "logsrv.toml"
    with pytest.raises(ConfigurationError) as caught:
        load_file(file, 'directory = "logs"\nnodes = "x"\n')
    assert str(caught.value) == f"{file}, key nodes: {said}"


def test_the_api_refuses_a_parameter_that_is_gone():
    with pytest.raises(Problem) as caught:
        BY_PATH["/api/search"].parse_query_string(b"nodes=x", 0.0)
    assert caught.value.status == 400
    assert str(caught.value) == f"nodes is {gone_sentence('API', 'nodes')}"


def test_a_table_of_the_file_may_be_gone(an_option_gone, tmp_path):
    file = tmp_path / "logsrv.toml"
    with pytest.raises(ConfigurationError, match=r"key colour: gone: paint the screen$"):
        load_file(file, '[[colour]]\nred = "1"\n')
    with pytest.raises(ConfigurationError, match="listener 1, key colour: gone"):
        load_file(file, '[[listener]]\nlisten = "tcp:1"\ncolour = 1\n')


def test_a_variable_that_is_gone_is_a_warning_as_an_unknown_one(an_option_gone, tmp_path):
    sources = SettingsSources(
        name="logsrv", directory=tmp_path, environment={"LOGSRV_COLOUR": "red"}
    )
    [warning] = load_settings(LoggerSettings, sources).warnings
    assert warning == f"environment: LOGSRV_COLOUR is {sentence_about('--colour')}"


def test_an_option_that_is_gone_is_not_passed_on(an_option_gone):
    """`logsrv run` passes unknown options to the plugin."""
    parser = Parser("logsrv run", "Runs.")
    parser.passes_on = True
    parser.add_argument("words", nargs="*")
    with pytest.raises(UsageError, match=r"^--colour is gone"):
        parser.parse_args(["file.py", "--colour", "red"])
    assert parser.parse_args(["file.py", "--", "--colour"]).words == ["file.py", "--colour"]


def test_a_word_of_a_query_may_be_spelled_as_an_option_that_is_gone(an_option_gone):
    parser = finder.parser_of(COMMANDS["search"])
    assert parser.parse_args(["--", "--colour"]).query == ["--colour"]
    with pytest.raises(UsageError, match=r"^--colour is gone"):
        parser.parse_args(["error", "--colour", "red"])


def test_other_programs_never_had_these_options(an_option_gone):
    assert gone_sentence("greet", "--colour") is None
