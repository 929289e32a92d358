"""What shells offer at the ends of lines, and what mandoc says of a page."""

import re
import subprocess
from pathlib import Path
from shlex import quote

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

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


def in_bash(script: str, line: str, directory: Path) -> set[str]:
    """What bash offers at the end of a line; its words are parted as readline parts them."""
    name = line.split()[0]
    words = re.findall(r"=|[^\s=]+", line)
    if line.endswith(" "):
        words.append("")
    code = (
        f"{script}\nCOMP_WORDS=({' '.join(map(quote, words))}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))\n"
        f'_shtab_{name}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    words = [program("bash", "bash"), "--norc", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=directory, timeout=PATIENCE)
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


def in_zsh(script: str, name: str, lines: list[str], directory: Path) -> dict[str, set[str]]:
    """What zsh offers at the end of each line."""
    functions = directory / ".functions"
    functions.mkdir(exist_ok=True)
    (functions / f"_{name}").write_text(script)
    words = [program("zsh", "zsh"), "-f", "-c", _PROBE, "probe", str(directory), str(functions)]
    done = subprocess.run(
        [*words, *lines], capture_output=True, text=True, cwd=directory, timeout=PATIENCE
    )
    assert done.stderr == ""
    found: dict[str, set[str]] = {}
    for row in done.stdout.splitlines():
        if row.startswith("=") and row.endswith("="):
            found[row[1:-1]] = current = set()
        elif row:
            current.add(row)
    return found


def in_fish(script: str, lines: list[str], directory: Path) -> dict[str, set[str]]:
    """What fish offers at the end of each line, in one process."""
    asked = "\n".join(f'complete -C "{line}"; echo "---"' for line in lines)
    words = [program("fish", "fish"), "--no-config", "-c", f"{script}\n{asked}"]
    home = {"HOME": str(directory), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=directory, env=home, timeout=PATIENCE
    )
    assert done.stderr == ""
    parts = done.stdout.split("---\n")
    return {
        line: {row.split("\t")[0] for row in part.splitlines()}
        for line, part in zip(lines, parts, strict=False)
    }


def lint(text: str) -> str:
    """What mandoc has to say of a page."""
    words = [program("mandoc", "mandoc"), "-T", "lint", "-W", "warning"]
    return subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=5 * PATIENCE
    ).stdout
