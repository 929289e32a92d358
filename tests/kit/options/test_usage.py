"""`twistd PLUGIN`: what may stand on the command line, the one sentence if it may not, and the help."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options import argument_parser
from logsrv.kit.options.argument_parser import WIDEST
from logsrv.kit.options.declare import REQUIRED, option, options_of
from logsrv.kit.options.help import help_groups, help_text, option_remarks
from logsrv.kit.options.kinds import DAYS, FLAG, TEXT, integer
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.testing.patience import PATIENCE
from tests.kit.options.example_settings import ListenerOptions, LoggerOptions

CHECKOUT = Path(__file__).parents[3]


def parsed(
    *words: str, environment: dict[str, str] | None = None
) -> SettingsOptions[LoggerOptions]:
    options = usage_options(LoggerOptions, name="logsrv", version="0.1.0")()
    options.environment = environment or {}
    options.parseOptions(list(words))
    return options


def refused(*words: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parsed(*words)
    return str(caught.value)


def test_the_settings_stand_in_the_options_after_parsing():
    settings = parsed("--rotate-size", "1GiB", "--allow=::1", "--allow", "10.0.0.0/8").settings
    assert settings.rotate_size == 1024**3
    assert [str(network) for network in settings.allow] == ["::1/128", "10.0.0.0/8"]
    assert settings.directory == Path.cwd() / "logs"


def test_a_flag_goes_on_and_off_and_the_last_word_counts():
    assert parsed("--raw").settings.raw is True
    assert parsed("--raw", "--no-raw").settings.raw is False
    assert parsed("--no-raw", environment={"LOGSRV_RAW": "1"}).settings.raw is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rotate-sise", "1"], "--rotate-sise (command line): no such option (did you mean"),
        (["--xyzzy"], "--xyzzy (command line): no such option"),
        (["--\x1b[31m"], "--\\x1b[31m (command line): no such option"),
        (["-x"], "-x (command line): no such option"),
        (["--listen"], "--listen (command line): no value; accepted: an endpoint"),
        (["--raw=1"], "--raw (command line): takes no value"),
        (["--max", "1"], "--max (command line): could be --max-line, --max-connections"),
        (["foo"], "foo (command line): logsrv takes options only"),
        (["listen", "tcp:1"], "listen (command line): logsrv takes options only (did you mean --l"),
        (["--", "--raw"], "--raw (command line): logsrv takes options only"),
        (["--config", ""], '--config "" (command line): not a path; accepted: a path, or off'),
        (
            ["--config", "s3://bucket/a"],
            "--config s3://bucket/a (command line): a URL, not a path; accepted: a path, or off",
        ),
        (["--keep-days", "1", "--sync", "never"], "--keep-days goes with --sync"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(words, sentence):
    assert refused(*words).startswith(sentence)


def test_the_beginning_of_one_option_is_enough():
    assert parsed("--rotate-si", "1KiB", "--rotate-si=2KiB").settings.rotate_size == 2048


def test_the_environment_is_that_of_the_process_when_parsing(monkeypatch):
    options = usage_options(LoggerOptions, name="logsrv", version="0")
    monkeypatch.setenv("LOGSRV_RAW", "1")
    made = options()
    made.parseOptions([])
    assert made.settings.raw is True
    monkeypatch.delenv("LOGSRV_RAW")
    assert made.reload().raw is True


def test_a_directory_that_is_gone_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert refused() == "the current directory is not there any more; change to one that is"


def test_the_version_is_ours(capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == "logsrv 0.1.0\n"


def test_the_help_shows_each_option_with_its_unit_and_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        parsed("--help")
    text = capsys.readouterr().out
    assert re.search(
        r"--rotate-size SIZE +seal the active segment at this size \(default: 256MiB\)", text
    )
    assert re.search(r"--\[no-\]raw +store bytes as they came \(default: off\)", text)
    assert re.search(r"--allow NETWORK +who may connect \(default: off; repeatable\)", text)
    assert re.search(
        r"--max-connections NUMBER +connections at a time \(a whole number, 1 or", text
    )
    assert re.search(r"SIZE +a number of bytes, or one with KiB", text)
    assert "LOGSRV_..." in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("columns", ["1", "20", "40", "0", "wide", ""])
def test_the_help_comes_on_any_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert "--rotate-size SIZE" in parsed().getUsage()


@pytest.mark.parametrize("columns", [60, 300])
def test_the_help_is_as_wide_as_the_terminal_while_it_can_be_read(columns, monkeypatch):
    monkeypatch.setattr(argument_parser, "terminal_columns", lambda stream: columns)
    lengths = map(len, parsed().getUsage().splitlines())
    assert min(columns, WIDEST) - 10 < max(lengths) <= min(columns - 2, WIDEST)


def test_the_help_of_the_essential_options_comes_again_after_that_of_all(capsys):
    essential = usage_options(
        LoggerOptions, name="logsrv", version="0.1.0", essential=["rotate_size"]
    )()
    shown = []
    for word in ("--help", "--help-all", "--help"):
        with pytest.raises(SystemExit):
            essential.parseOptions([word])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[2] and "[no-]raw" in shown[1] and "raw" not in shown[0]


def test_the_shell_completes_options_choices_and_files(tmp_path):
    options = usage_options(LoggerOptions, name="logsrv", version="0")()
    with (tmp_path / "zsh").open("wb") as script:
        options._shellCompFile = script
        with pytest.raises(SystemExit):
            options.parseOptions(["--", "--_shell-completion", "zsh:2"])
    text = (tmp_path / "zsh").read_text()
    assert "--sync=[when to sync to disk]:sync:(never interval always)" in text
    assert "--directory=[where the lines are kept]:directory:_directories" in text
    assert "--config=[read options from this TOML file]:config (*):_files" in text
    assert "*--listen=[where to listen]" in text
    assert "--no-raw[" in text


@attrs.frozen(kw_only=True)
class FetchOptions:
    url: str = option(REQUIRED, TEXT, "what to fetch")
    more: tuple[str, ...] = option((), TEXT, "and these", repeatable=True)
    raw: bool = option(False, FLAG, "as it came")


def fetch(*words: str) -> FetchOptions:
    made = usage_options(FetchOptions, name="fetch", version="0", positional=["url", "more"])()
    made.environment = {}
    made.parseOptions(words)
    return made.settings


def test_a_plugin_can_take_positional_arguments_with_options_around_them():
    assert fetch("a", "--raw", "b", "c") == FetchOptions(url="a", more=("b", "c"), raw=True)
    assert fetch("--", "--raw") == FetchOptions(url="--raw")
    with pytest.raises(ConfigurationError, match=r"^URL is missing; accepted: any text$"):
        fetch()
    with pytest.raises(ConfigurationError, match=r"^URL \S+ \(command line\): not UTF-8; accepted"):
        fetch("\udcff")


def test_the_help_begins_with_the_positional_arguments():
    made = usage_options(FetchOptions, name="fetch", version="0", positional=["url", "more"])()
    assert str(made).startswith("[options] URL [MORE]\n")


def test_reload_reads_the_file_again_and_refuses_a_wrong_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "x.toml"
    config.write_text("raw = true")
    options = parsed("--config", "x.toml", "--max-line", "1KiB")
    # As a daemon does.
    monkeypatch.chdir("/")
    config.write_text('raw = false\nmax-line = "2KiB"\nrotate-size = "1KiB"')
    again = options.reload()
    assert (again.raw, again.max_line, again.rotate_size) == (False, 1024, 1024)
    assert again.directory == tmp_path / "logs"
    assert options.settings.raw is True
    config.write_text("rotate-sise = 1")
    with pytest.raises(ConfigurationError, match="did you mean rotate-size"):
        options.reload()
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(ConfigurationError, match="is a pipe, which cannot be read again"):
        options.reload()


def test_an_author_is_told_of_names_that_cannot_be():
    def classes_with(*names: str) -> type[Any]:
        fields = {name: option(False, FLAG, "") for name in names}
        return attrs.make_class("Settings", fields, frozen=True)

    for names in (["config"], ["help"], ["version"], ["raw", "no_raw"]):
        with pytest.raises(TypeError, match=r"cannot be named .* is taken"):
            usage_options(classes_with(*names), name="x", version="0")
    with pytest.raises(TypeError, match="cannot be named x: --x is one letter"):
        usage_options(classes_with("x"), name="x", version="0")
    with pytest.raises(TypeError, match="must be the last"):
        usage_options(FetchOptions, name="x", version="0", positional=["more", "url"])


PLUGIN = """
from twisted.application.service import ServiceMaker
demo = ServiceMaker("demo", "demo_service", "a plugin for this test", "demo")
"""
SERVICE = """
from logsrv.kit.options.usage import usage_options
from example_settings import LoggerOptions
Options = usage_options(LoggerOptions, name="demo", version="0.1.0")
def makeService(options):
    print("max-line", options.settings.max_line)
    raise SystemExit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "module"),
    [("twistd", "twisted.scripts.twistd"), ("twist", "twisted.application.twist._twist")],
)
def test_a_wrong_value_ends_the_command_with_one_sentence_and_status_1(tmp_path, command, module):
    (tmp_path / "twisted" / "plugins").mkdir(parents=True)
    (tmp_path / "twisted" / "plugins" / "demo_plugin.py").write_text(PLUGIN)
    (tmp_path / "demo_service.py").write_text(SERVICE)
    found_in = (tmp_path, CHECKOUT, Path(__file__).parent)
    call = "run()" if command == "twistd" else "Twist.main()"
    name = call.partition("(")[0].partition(".")[0]
    script = f"import sys; sys.argv[0] = {command!r}; from {module} import {name}; {call}"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, "demo", *words],
            cwd=tmp_path,
            # Not by way of `tests`: a package of that name may be installed.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, found_in))},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    good = run("--max-line", "1KiB")
    assert (good.returncode, good.stdout) == (0, "max-line 1024\n")
    wrong = run("--rotate-size", "12XB")
    assert wrong.returncode == 1
    assert wrong.stdout == ""
    assert wrong.stderr == (
        f"{command} demo: --rotate-size 12XB (command line): not a size; accepted: "
        "a number of bytes, or one with KiB, MiB, GiB or TiB, such as 256MiB\n"
    )
    stray = run("foo")
    assert (stray.returncode, stray.stdout) == (1, "")
    assert stray.stderr == f"{command} demo: foo (command line): demo takes options only\n"


def test_a_bounded_number_is_checked_by_its_own_bounds():
    assert integer(1).accepted in refused("--max-connections", "0")


def test_the_help_fits_the_terminal_and_marks_what_is_required():
    for width in (40, 60, 200):
        text = help_text(help_groups(ListenerOptions), ["listen"], "demo", "Words. " * 30, width)
        assert max(map(len, text.splitlines())) <= width
    assert "  LISTEN                    where to listen (required)\n" in text
    assert "DEMO_..." in text
    assert "Words. Words." in text


def test_the_help_has_groups_or_only_essential_options():
    """With essentials, only those are shown, and where the others are."""
    text = help_text(help_groups(ListenerOptions), [], "demo", "", 80, ("max_line",))
    assert "--max-line" in text and "--max-connections" not in text
    assert "These are 1 of 7 options; --help-all shows all." in " ".join(text.split())
    whole = help_text(help_groups(ListenerOptions), [], "demo", "", 80)
    assert "Example:\n\n  twistd -n demo --listen ENDPOINT\n" in whole
    assert "\nWho may come:\n" in whole and "--help-all" in whole


def test_numbers_say_their_bounds_where_they_differ():
    text = help_text(help_groups(ListenerOptions), [], "demo", "", 120)
    assert "connections at a time (a whole number, 1 or more; default: off)" in text
    assert "\n  NUMBER" not in text


def test_the_help_says_which_default_may_be_off():
    @attrs.frozen(kw_only=True)
    class Own:
        days: float | None = option("7d", DAYS, "how long", off=True)
        most: float | None = option(None, DAYS, "how long", off=True)

    declared = options_of(Own)
    assert option_remarks(declared["days"]) == "default: 7d; may be off"
    assert option_remarks(declared["most"]) == "default: off"
