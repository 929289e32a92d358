"""`argparse` as people want it: one sentence for a mistake, near misses, status 2.

Why not `usage.Options`, which the plugins have: twistd asks for it there. Here, argparse gives help
that is wrapped to the terminal, arguments in any order, and groups of options that exclude each
other.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

USAGE = 2


class Parser(argparse.ArgumentParser):
    """Refuses with one sentence on stderr and status 2."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unexpected(unknown[0]))
        return arguments

    def _unexpected(self, word: str) -> str:
        known = [name for action in self._actions for name in action.option_strings]
        name = word.partition("=")[0]
        if not word.startswith("-"):
            return f"{quoted(word)} is one argument too many"
        return f"{quoted(name)} is no option{did_you_mean(name, known)}"

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; {self.prog} --help shows what there is\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if message:
            tell(message.rstrip("\n"))
        sys.exit(status)


def tell(sentence: str) -> None:
    """Write a sentence on stderr; what could drive a terminal in it is escaped."""
    from logsrv.kit.text.escape import printable

    print(printable(sentence), file=sys.stderr, flush=True)


def quoted(word: str) -> str:
    """A word of the user's in the middle of a sentence, escaped and cut to size."""
    from logsrv.kit.text.words import shown

    return shown(word)


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """`, did you mean connect?`, or nothing if no word is near."""
    near = get_close_matches(word[:60], words, 1)
    return f", did you mean {near[0]}?" if near else ""


def seconds(text: str) -> float:
    """A length of time in seconds, for `type=`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(
            f"{quoted(text)} is no number of seconds, such as 2 or 0.5"
        )
    return value
