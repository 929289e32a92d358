"""Completions in a real zsh, at a terminal of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from logsrv.kit.options.manuals.zsh import zsh_completions
from tests.kit.options.manuals.demo import program as demo
from tests.programs import program

# Completion works only where keys are typed: here at a terminal made by zpty. Tab writes what compadd finds
# into a file, empties the line, and then says so: keys that wait meanwhile would have zsh give up.
_PROBE = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1= ; cd ${(q)1}; fpath=(${(q)2} \$fpath); autoload -Uz compinit; compinit -u -d =(:)"
zpty -w inner 'compadd() {
    if [[ ${@[(I)-[AOD]]} -eq 0 ]]; then
        local -a found; builtin compadd -O found "$@"; (( $#found )) && print -rl -- "${(@)found}" >>.shown
    fi
    builtin compadd "$@"
}
probe() { : >.shown; zle list-choices; BUFFER=; print DO""NE >/dev/tty }
zle -N probe; bindkey "^I" probe; print REA""DY'
zpty -m -r inner out '*READY*'
shift 2
for line in "$@"; do
    zpty -w -n inner "$line"$'\t'
    zpty -m -r inner out '*DONE*'
    print -r -- "=$line="; cat .shown
done
"""


def completed(script: str, name: str, lines: list[str], directory: Path) -> dict[str, set[str]]:
    """What zsh offers at the end of each line."""
    functions = directory / ".functions"
    functions.mkdir(exist_ok=True)
    (functions / f"_{name}").write_text(script)
    words = [program("zsh", "zsh"), "-f", "-c", _PROBE, "probe", str(directory), str(functions)]
    done = subprocess.run(
        [*words, *lines], capture_output=True, text=True, cwd=directory, timeout=60
    )
    assert done.stderr == ""
    found: dict[str, set[str]] = {}
    for row in done.stdout.splitlines():
        if row.startswith("=") and row.endswith("="):
            found[row[1:-1]] = current = set()
        elif row:
            current.add(row)
    return found


def test_what_is_offered(tmp_path: Path) -> None:
    (tmp_path / "file.log").touch()
    (tmp_path / "folder").mkdir()
    expected = {
        "demo ": {"find", "copy", "read"},
        "demo find --o": {"--output"},
        "demo find --output ": {"text", "json"},
        "demo find --output=j": {"json"},
        "demo find --directory ": {"folder"},
        "demo find -f fi": {"file.log"},
        "demo find word --w": {"--wrap"},
        "demo copy there ": {"folder"},
        "demo read a fi": {"file.log"},
    }
    assert completed(zsh_completions(demo()), "demo", list(expected), tmp_path) == expected
