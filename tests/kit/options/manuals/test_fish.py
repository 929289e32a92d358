"""Completions in a real fish."""

from __future__ import annotations

import subprocess
from pathlib import Path

from logsrv.kit.options.manuals.fish import fish_completions
from tests.kit.options.manuals.demo import program as demo
from tests.programs import program


def completed(script: str, lines: list[str], directory: Path) -> dict[str, set[str]]:
    """What fish offers at the end of each line, in one process."""
    asked = "\n".join(f'complete -C "{line}"; echo "---"' for line in lines)
    words = [program("fish", "fish"), "--no-config", "-c", f"{script}\n{asked}"]
    home = {"HOME": str(directory), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=directory, env=home, timeout=60
    )
    assert done.stderr == ""
    parts = done.stdout.split("---\n")
    return {
        line: {row.split("\t")[0] for row in part.splitlines()}
        for line, part in zip(lines, parts, strict=False)
    }


def test_what_is_offered(tmp_path: Path) -> None:
    (tmp_path / "file.log").touch()
    (tmp_path / "folder").mkdir()
    expected = {
        "demo ": {"find", "copy", "read"},
        "demo fi": {"find"},
        "demo find --o": {"--output"},
        "demo find --output ": {"text", "json"},
        "demo find --output=j": {"--output=json"},
        "demo find --directory ": {"folder/"},
        "demo find --directory=": {"--directory=folder/"},
        "demo find --config=fi": {"--config=file.log"},
        "demo find --config fi": {"file.log"},
        "demo find -n ": set(),
        "demo find word --w": {"--wrap"},
        "demo copy there ": {"folder/"},
        "demo read fi": {"file.log"},
    }
    assert completed(fish_completions(demo()), list(expected), tmp_path) == expected
