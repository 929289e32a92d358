"""`logsrv generate`: manual pages and completions, printed or as files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.cli import main
from tests.cli.manuals.shells import in_bash, in_fish, in_zsh, lint
from tests.parts.commands import logsrv
from tests.parts.programs import program


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `generate man` has written."""
    directory = tmp_path_factory.mktemp("manuals") / "man"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    made = logsrv("generate", "man", "--into", str(directory), environment=environment)
    assert made.returncode == 0, made.stderr
    return directory


def test_there_is_a_page_for_every_command(pages):
    names = {path.name for path in pages.iterdir()}
    assert {f"logsrv-{command}.1" for command in main.COMMANDS} <= names
    assert {"logsrv.1", "gopher.1", "gopher-mirror.1", "logsrv.toml.5", "logsrv-query.7"} <= names
    assert {f"twistd-{name}.8" for name in ("logsrv", "greet", "gopher", "gopherd")} <= names


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
    done = subprocess.run(man, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    # None is broken by a terminal of 80 columns.
    assert max(done.stdout.splitlines(), key=len)[80:] == ""


def test_apropos_can_read_the_names(pages):
    lexgrog = program("lexgrog", "man-db")
    for path in sorted(pages.iterdir()):
        done = subprocess.run([lexgrog, str(path)], capture_output=True, text=True)
        assert path.name.rpartition(".")[0] in done.stdout, done.stdout


def test_every_key_of_the_configuration_has_its_place(pages):
    options = (Path(__file__).parents[3] / "docs" / "options.md").read_text()
    text = (pages / "logsrv.toml.5").read_text().replace("\\-", "-")
    part = options[options.index("## twistd logsrv") : options.index("## twistd greet")]
    for row in part.splitlines():
        if row.startswith("| `--"):
            key = row.split("`")[1].split()[0].removeprefix("--")
            assert key == "config" or f"\n\\fB{key}\\fR\n" in text, key
    assert "[[listener]]" in text.lower()


@pytest.mark.slow
def test_one_page_or_script_is_printed_by_its_name():
    assert b'.TH LOGSRV-SHOW "1" ' in logsrv("generate", "man", "logsrv-show").stdout
    assert b"-F _shtab_gopher gopher" in logsrv("generate", "bash", "gopher").stdout
    assert b"#compdef logsrv\n" in logsrv("generate", "zsh").stdout


@pytest.mark.slow
def test_an_unknown_name_or_an_unwritable_folder_is_reported(tmp_path):
    shown = logsrv("generate", "man", "logsrv-serch")
    assert shown.returncode == 1
    assert b"there is no logsrv-serch for man (did you mean logsrv-search?)" in shown.stderr
    shown = logsrv("generate", "bash", "twistd-greet")
    assert b"there is no twistd-greet for bash; there are logsrv and gopher" in shown.stderr
    (tmp_path / "file").touch()
    shown = logsrv("generate", "bash", "--into", str(tmp_path / "file"))
    assert shown.returncode == 1
    assert b"cannot be written" in shown.stderr


def test_without_the_extra_it_says_what_to_install():
    code = (
        "import sys; sys.modules['shtab'] = None; from logsrv.cli.main import main; "
        "sys.exit(main(['generate', 'man']))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert shown.returncode == 1
    assert shown.stderr.endswith(b"needs the package shtab: pip install 'logsrv[manuals]'\n")


def scripts(shell: str, tmp_path: Path) -> dict[str, str]:
    made = logsrv("generate", shell, "--into", str(tmp_path / shell))
    assert made.returncode == 0, made.stderr
    return {
        path.name.removesuffix(".fish").lstrip("_"): path.read_text()
        for path in (tmp_path / shell).iterdir()
    }


def test_bash_knows_our_commands(tmp_path):
    made = scripts("bash", tmp_path)
    assert in_bash(made["logsrv"], "logsrv sea", tmp_path) == {"search"}
    assert in_bash(made["logsrv"], "logsrv ", tmp_path) == set(main.COMMANDS)
    assert in_bash(made["logsrv"], "logsrv help end", tmp_path) == {"endpoints"}
    assert in_bash(made["logsrv"], "logsrv tail --color ", tmp_path) == {"auto", "always", "never"}
    assert in_bash(made["gopher"], "gopher mi", tmp_path) == {"mirror"}
    assert in_bash(made["gopher"], "gopher serve bash --lis", tmp_path) == {"--listen"}
    assert in_bash(made["gopher"], "gopher serve ba", tmp_path) == {"bash"}


@pytest.mark.slow
def test_zsh_knows_our_commands(tmp_path):
    made = scripts("zsh", tmp_path)
    lines = {
        "logsrv sea": {"search"},
        "logsrv help end": {"endpoints"},
        "logsrv tail --color ": {"auto", "always", "never"},
        "logsrv search --no-ind": {"--no-index"},
    }
    assert in_zsh(made["logsrv"], "logsrv", list(lines), tmp_path) == lines
    lines = {"gopher mir": {"mirror"}, "gopher serve zsh --log-r": {"--log-requests"}}
    assert in_zsh(made["gopher"], "gopher", list(lines), tmp_path) == lines


def test_fish_knows_our_commands(tmp_path):
    made = scripts("fish", tmp_path)
    lines = {
        "logsrv sea": {"search"},
        "logsrv help end": {"endpoints"},
        "logsrv tail --color ": {"auto", "always", "never"},
        "logsrv search --no-ind": {"--no-index"},
    }
    assert in_fish(made["logsrv"], list(lines), tmp_path) == lines
    lines = {"gopher mir": {"mirror"}, "gopher serve x --log-r": {"--log-requests"}}
    assert in_fish(made["gopher"], list(lines), tmp_path) == lines
