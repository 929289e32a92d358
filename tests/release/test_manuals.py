"""Manual pages and completions of shells, as `make manuals` and the Debian package have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv import __version__
from logsrv.cli.command import COMMANDS
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.plugin_files import write_command
from tests.parts.programs import program
from tests.parts.scripts import script
from tests.release.shells import in_bash, in_fish, in_zsh, lint


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the script has written."""
    return generate(tmp_path_factory.mktemp("manuals"))


def generate(folder: Path, **variables: str) -> Path:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **variables}
    words = [sys.executable, str(ROOT / "packaging/manuals/generate.py"), str(folder)]
    subprocess.run(words, env=environment, check=True, timeout=5 * PATIENCE)
    return folder


@pytest.fixture
def pages(build: Path) -> Path:
    return build / "man"


def test_there_is_a_page_for_every_command(pages):
    names = {path.name for path in pages.iterdir()}
    assert {f"logsrv-{command}.1" for command in COMMANDS.ours()} <= names
    assert {"logsrv.1", "gopher.1", "gopher-mirror.1", "logsrv.toml.5", "logsrv-query.7"} <= names
    assert {f"twistd-{name}.8" for name in ("logsrv", "greet", "gopher", "gopherd")} <= names


@pytest.mark.slow
def test_a_page_has_the_same_date_in_every_time_zone(build, tmp_path):
    there = generate(tmp_path, TZ="Asia/Tokyo")
    for name in ("gopher-new.1", "logsrv.toml.5", "twistd-greet.8"):
        assert (there / "man" / name).read_text() == (build / "man" / name).read_text()


@pytest.mark.slow
def test_no_page_has_anything_that_mandoc_or_groff_complain_of(pages):
    for path in sorted(pages.iterdir()):
        text = path.read_text()
        assert (path.name, lint(text)) == (path.name, "")
        assert "2023-11-14" in text
        assert "docs/" not in text and ".md" not in text, path.name
    man = [program("man", "man-db"), "--warnings", "-l", *map(str, sorted(pages.iterdir()))]
    # In a locale of ASCII, groff says of each character that is none that it lacks it.
    how = {"MANROFFOPT": "-ww", "MANWIDTH": "80", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"}
    environment = {**os.environ, **how}
    done = subprocess.run(
        man, capture_output=True, text=True, env=environment, timeout=5 * PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    # None is broken by a terminal of 80 columns.
    assert max(done.stdout.splitlines(), key=len)[80:] == ""


def test_apropos_can_read_the_names(pages):
    lexgrog = program("lexgrog", "man-db")
    for path in sorted(pages.iterdir()):
        done = subprocess.run(
            [lexgrog, str(path)], capture_output=True, text=True, timeout=5 * PATIENCE
        )
        assert path.name.rpartition(".")[0] in done.stdout, done.stdout


def test_every_key_of_the_configuration_has_its_place(pages):
    options = (ROOT / "docs" / "options.md").read_text()
    text = (pages / "logsrv.toml.5").read_text().replace("\\-", "-")
    part = options[options.index("## Every service") : options.index("## twistd greet")]
    for row in part.splitlines():
        if row.startswith("| `--"):
            key = row.split("`")[1].split()[0].removeprefix("--")
            assert key == "config" or f"\n\\fB{key}\\fR\n" in text, key
    assert "[[listener]]" in text.lower()


def test_pages_have_sections_and_the_version_of_their_plugin(pages):
    search = (pages / "logsrv-search.1").read_text()
    for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES"):
        assert f".SH {title}\n" in search
    assert "LOGSRV_PAGER" in search and "logsrv\\-query" in search
    assert "LOGSRV_PAGER" not in (pages / "logsrv-plugins.1").read_text()
    assert "\\-\\-log\\-requests" in (pages / "gopher-serve.1").read_text()
    assert f'"greet {__version__}"' in (pages / "twistd-greet.8").read_text()


def test_pages_refer_only_to_pages_that_exist(pages):
    made = {"{0}({2})".format(*path.name.rpartition(".")) for path in pages.iterdir()}
    subjects = script("manuals/subjects.py")["subjects"]()
    assert {name for one in subjects for name in one.see} - made <= {"twistd(1)"}


def scripts(build: Path, shell: str) -> dict[str, str]:
    """A shell's completions, by the program."""
    return {
        path.name.removesuffix(".fish").lstrip("_"): path.read_text()
        for path in (build / "completions" / shell).iterdir()
    }


def test_bash_knows_our_commands(build, tmp_path):
    (tmp_path / "bash").mkdir()
    made = scripts(build, "bash")
    assert in_bash(made["logsrv"], "logsrv sea", tmp_path) == {"search"}
    assert in_bash(made["logsrv"], "logsrv ", tmp_path) == set(COMMANDS.ours())
    assert in_bash(made["logsrv"], "logsrv help end", tmp_path) == {"endpoints"}
    assert in_bash(made["logsrv"], "logsrv tail --color ", tmp_path) == {"auto", "always", "never"}
    assert in_bash(made["gopher"], "gopher mi", tmp_path) == {"mirror"}
    assert in_bash(made["gopher"], "gopher serve bash --lis", tmp_path) == {"--listen"}
    assert in_bash(made["gopher"], "gopher serve ba", tmp_path) == {"bash"}


@pytest.mark.slow
def test_a_command_of_a_stranger_has_completions_and_a_page(tmp_path):
    made = generate(tmp_path / "made", PYTHONPATH=str(write_command(tmp_path / "site")))
    (tmp_path / "bash").mkdir()
    assert in_bash(scripts(made, "bash")["logsrv"], "logsrv sta", tmp_path) == {"stars"}
    assert "count the stars of a store" in (made / "man" / "logsrv-stars.1").read_text()


@pytest.mark.slow
def test_zsh_knows_our_commands(build, tmp_path):
    made = scripts(build, "zsh")
    lines = {
        "logsrv sea": {"search"},
        "logsrv help end": {"endpoints"},
        "logsrv tail --color ": {"auto", "always", "never"},
        "logsrv search --no-ind": {"--no-index"},
    }
    assert in_zsh(made["logsrv"], "logsrv", list(lines), tmp_path) == lines
    lines = {"gopher mir": {"mirror"}, "gopher serve zsh --log-r": {"--log-requests"}}
    assert in_zsh(made["gopher"], "gopher", list(lines), tmp_path) == lines


def test_fish_knows_our_commands(build, tmp_path):
    made = scripts(build, "fish")
    lines = {
        "logsrv sea": {"search"},
        "logsrv help end": {"endpoints"},
        "logsrv tail --color ": {"auto", "always", "never"},
        "logsrv search --no-ind": {"--no-index"},
    }
    assert in_fish(made["logsrv"], list(lines), tmp_path) == lines
    lines = {"gopher mir": {"mirror"}, "gopher serve x --log-r": {"--log-requests"}}
    assert in_fish(made["gopher"], list(lines), tmp_path) == lines


def test_shells_know_what_logsrv_itself_takes_and_where_directories_stand(build, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    script = scripts(build, "bash")["logsrv"]
    for line, offered in {
        "logsrv --": {"--version", "--help"},
        "logsrv backup ": {"folder"},
        "logsrv restore --from f": {"folder"},
        "logsrv import f": {"folder", "file"},
        "logsrv search 'a b' --c": {
            *("--color", "--columns", "--compare", "--count", "--count-distinct"),
        },
    }.items():
        assert in_bash(script, line, tmp_path) == offered, line
