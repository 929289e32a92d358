"""`argparse` as people want it: one sentence for a mistake, what was probably meant, no abbreviations.

For commands. The plugins of twistd have `usage.Options`, because twistd asks for it; this can be loaded
in 10 ms and brings no Twisted, gives help that is wrapped to the terminal, and has groups of options
that exclude each other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from logsrv.errors import HelpRequest as HelpRequest
from logsrv.errors import UsageError as UsageError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, shown

USAGE = 2
"""The exit status for a UsageError."""
WIDEST = 100
"""The columns that a help takes of a terminal that has more: longer lines are hard to read."""


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequest(f"{self.const()}\n")


# In front of a word that begins with a hyphen and is no option; no argument of a process has it.
_GUARD = "\0"


class _Formatter(argparse.HelpFormatter):
    """The formatter, without the import of shutil (and of what compresses) for a terminal's width.

    In descriptions, what is indented stands as it is; all else is wrapped.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(_columns() - 2, WIDEST))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from logsrv.kit.text.paragraphs import wrapped  # 2 ms, which only a help needs

        return wrapped(text, width)


def _columns() -> int:
    """Return the columns of the terminal, as `shutil.get_terminal_size` does."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def _placed(action: argparse.Action) -> str:
    """Return an argument that has a place, as the usage shows it."""
    word = str(action.metavar or action.dest.upper())
    if action.nargs == "+":
        return f"{word} ..."
    if action.nargs in ("*", argparse.REMAINDER):
        return f"[{word} ...]"
    return f"[{word}]" if action.nargs == "?" else word


class Parser(argparse.ArgumentParser):
    """Parser that raises UsageError or HelpRequest instead of printing and ending the process.

    takes_query: arguments may stand between options, and `-word` is one of them unless it is an option:
    a query excludes words so.
    """

    takes_query = False

    def __init__(
        self,
        prog: str,
        description: str,
        *,
        epilog: str | None = None,
        version: Callable[[], str] | None = None,
    ) -> None:
        """`version` gives what `--version` shows; without it there is no such option."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_Formatter,
        )
        self._positionals.title = "arguments"
        self.add_argument("--help", "-h", action="help", help="show this")
        if version is not None:
            self.add_argument(
                "--version", nargs=0, action=_Version, const=version, help="show the version"
            )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        if self.takes_query:
            # While it parses these, argparse has changed the arguments that the usage shows.
            self._set_usage()
            words = list(args or ())
            end = words.index("--") if "--" in words else len(words)
            words = [
                _GUARD + word if place > end or self._is_excluding(word) else word
                for place, word in enumerate(words)
                if place != end
            ]
            arguments, unknown = self.parse_known_intermixed_args(words, namespace)
        else:
            arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unexpected(unknown[0]))
        return arguments

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # An option may have taken such a word as its value.
        return super()._get_value(action, arg_string.removeprefix(_GUARD))

    def short_usage(self) -> str:
        """Return how the command is called; of its options, only those that have to be given."""
        words = [self.prog]
        if any(action.option_strings and not action.required for action in self._actions):
            words.append("[OPTIONS]")
        for action in self._actions:
            if not action.option_strings:
                words.append(_placed(action))
            elif action.required:
                words.append(f"{action.option_strings[0]} {action.metavar}")
        return " ".join(words)

    def format_help(self) -> str:
        self._set_usage()
        return super().format_help()

    def _set_usage(self) -> None:
        # argparse would list all options there, and again below.
        if self.usage is None:
            self.usage = self.short_usage().replace("%", "%%")

    def print_help(self, file: object = None) -> NoReturn:
        raise HelpRequest(self.format_help())

    def _is_excluding(self, word: str) -> bool:
        """Return whether `word` is a hyphen and something else than an option, or one with its number."""
        if len(word) < 3 or word[0] != "-" or word[1] == "-":
            return False
        known = {name: one for one in self._actions for name in one.option_strings}
        option = known.get(word[:2])
        return option is None or option.nargs == 0 or not word[2:].isdecimal()

    def _unexpected(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{shown(word)} is one argument too many"
        known = [name for action in self._actions for name in action.option_strings]
        name = word.partition("=")[0]
        return f"{shown(name)} is no option{did_you_mean(name, known)}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{one_line(message)}; {self.prog} --help shows what there is")


def of_kind(name: str) -> Callable[[str], Any]:
    """Return a `type=` for values of the kind `name` in `logsrv.kit.options.kinds`, loaded when needed: it
    brings attrs, which takes longer than all of `gopher URL`.
    """

    def parse(text: str) -> Any:
        from logsrv.kit.options import kinds

        kind = getattr(kinds, name)
        try:
            return kind.parse(text)
        except ValueError as error:
            said = f"{shown(text)} is {error}; accepted: {kind.accepted}"
            raise argparse.ArgumentTypeError(said) from None

    return parse
