"""The command line with which the running process of a plugin was started, read from /proc; for `logsrv
check`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.service.check_service import PROC, read_proc_file


@attrs.frozen
class RunningCommand:
    """The command of a running process.

    words: the options of the plugin. directory: where relative paths start. environment: the variables of
    the plugin, without their prefix. Without the right to see them, the directory is `/`, and there are no
    variables.
    """

    pid: int
    words: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]

    @property
    def config(self) -> Path | None:
        """The file that --config names, on the command line or in the environment."""
        for number, word in enumerate(self.words, 1):
            if word == "--config" and number < len(self.words):
                return self._path(self.words[number])
            if word.startswith("--config="):
                return self._path(word.removeprefix("--config="))
        text = self.environment.get("CONFIG")
        return self._path(text) if text else None

    def _path(self, text: str) -> Path:
        return Path(os.path.normpath(self.directory / text))


def running_command(pid: int, plugin: str) -> RunningCommand | None:
    """Return the command of a process if twistd runs this plugin in it; None for any other process."""
    words = read_proc_file(f"{pid}/cmdline").removesuffix("\0").split("\0")
    after = [number for number, word in enumerate(words) if re.search(r"\btwistd?\b", word)]
    if not after or plugin not in words[after[0] + 1 :]:
        return None
    own = words[words.index(plugin, after[0] + 1) + 1 :]
    prefix = variable_prefix(plugin)
    pairs = (one.partition("=") for one in read_proc_file(f"{pid}/environ").split("\0"))
    variables = {
        name.removeprefix(prefix): text for name, _, text in pairs if name.startswith(prefix)
    }
    try:
        directory = os.readlink(PROC / str(pid) / "cwd")
    except OSError:
        directory = "/"
    return RunningCommand(pid, tuple(own), Path(directory), variables)
