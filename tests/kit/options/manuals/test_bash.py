"""Completions in a real bash."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shlex import quote

import pytest

from logsrv.kit.options.manuals.bash import bash_completions
from tests.kit.options.manuals.demo import program as demo
from tests.programs import program


def completed(script: str, line: str, directory: Path) -> set[str]:
    """What bash offers at the end of a line; its words are parted as readline parts them."""
    name = line.split()[0]
    words = re.findall(r"=|[^\s=]+", line)
    if line.endswith(" "):
        words.append("")
    code = (
        f"{script}\nCOMP_WORDS=({' '.join(map(quote, words))}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))\n"
        f'_{name}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    words = [program("bash", "bash"), "--norc", "-u", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=directory, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


CASES = [
    ("demo ", {"find", "copy", "read"}),
    ("demo f", {"find"}),
    ("demo find --o", {"--output"}),
    ("demo find --output ", {"text", "json"}),
    ("demo find --output=j", {"json"}),
    ("demo find --output=", {"text", "json"}),
    ("demo find --directory ", {"folder"}),
    ("demo find --directory=fo", {"folder"}),
    ("demo find -f f", {"file.log", "folder"}),
    ("demo find -n ", set()),
    ("demo find --wrap --w", {"--wrap"}),
    ("demo find word --out", {"--output"}),
    ("demo copy ", set()),
    ("demo copy there ", {"folder"}),
    ("demo read a b fi", {"file.log"}),
    ("demo --h", {"--help"}),
]


@pytest.fixture
def somewhere(tmp_path: Path) -> Path:
    """A directory with a file and a folder in it."""
    (tmp_path / "file.log").touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_what_is_offered(line: str, offered: set[str], somewhere: Path) -> None:
    assert completed(bash_completions(demo()), line, somewhere) == offered
