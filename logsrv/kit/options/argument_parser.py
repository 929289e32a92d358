"""`argparse` with better errors: one sentence for a mistake, with the option that was probably meant.

It is for commands. The plugins of twistd need `usage.Options`, because twistd asks for that. This one loads
in 10 ms and without Twisted, wraps its help to the terminal, has options that exclude each other, and
accepts no abbreviations.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from logsrv.errors import HelpRequest as HelpRequest
from logsrv.errors import UsageError as UsageError
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.terminal import terminal_columns
from logsrv.kit.text.words import did_you_mean, shown

USAGE = 2
"""The exit status for a UsageError."""
WIDEST = 100
"""The most columns of a help, on any terminal: longer lines are hard to read."""


class _VersionAction(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequest(f"{self.const()}\n")


# Put before a word that begins with a hyphen and is not an option, such as the time `-1h`, so that argparse
# takes it for an argument. No argument of a process contains NUL.
_GUARD = "\0"


class _HelpFormatter(argparse.HelpFormatter):
    """Formats a help. To get the terminal's width it does not import shutil, which imports compressors.

    In a description, indented parts stay as they are; paragraphs are wrapped.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(_terminal_columns() - 2, WIDEST))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from logsrv.kit.text.paragraphs import wrap_for_terminal  # 2 ms, which only a help needs

        return wrap_for_terminal(text, width)


def _terminal_columns() -> int:
    """Return the columns of the terminal, as `shutil.get_terminal_size` does."""
    given = os.environ.get("COLUMNS", "")
    return int(given if given.isdecimal() else 0) or terminal_columns(sys.__stdout__)


def _positional_usage(action: argparse.Action) -> str:
    """Return a positional argument as the usage shows it."""
    word = str(action.metavar or action.dest.upper())
    if action.nargs == "+":
        return f"{word} ..."
    if action.nargs in ("*", argparse.REMAINDER):
        return f"[{word} ...]"
    return f"[{word}]" if action.nargs == "?" else word


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError or HelpRequest instead of printing and ending the process.

    A function for `type=` raises ValueError with a sentence.
    takes_query: true if arguments may stand between options, and a `-word` that is no option is an
    argument: in a query it excludes a word.
    passes_on: true if unknown options, and words that are no options, are arguments.
    """

    takes_query = False
    passes_on = False

    def __init__(
        self,
        prog: str,
        description: str,
        *,
        epilog: str | None = None,
        version: Callable[[], str] | None = None,
    ) -> None:
        """`version`: returns the text of `--version`; without it there is no such option."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_HelpFormatter,
        )
        self._positionals.title = "arguments"
        self.add_argument("--help", "-h", action="help", help="show this")
        if version is not None:
            self.add_argument(
                "--version", nargs=0, action=_VersionAction, const=version, help="show the version"
            )

    def parse_args(self, args: Sequence[str] | None = None) -> argparse.Namespace:  # type: ignore[override]
        words = list(args or ())
        self._refuse_gone_options(words)
        if self.takes_query:
            # While argparse parses intermixed arguments, it changes the ones that the usage shows.
            self._set_usage()
            end = words.index("--") if "--" in words else len(words)
            words = [
                _GUARD + word if place > end or self._is_excluding_word(word) else word
                for place, word in enumerate(words)
                if place != end
            ]
            arguments, unknown = self.parse_known_intermixed_args(words)
        elif self.passes_on:
            arguments, unknown = self.parse_known_args(self._known_options_first(words))
        else:
            words = [
                _GUARD + word if word[1:2].isdecimal() and self._is_excluding_word(word) else word
                for word in words
            ]
            arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(self._unexpected_argument_text(unknown[0].removeprefix(_GUARD)))
        return arguments

    def _refuse_gone_options(self, words: Sequence[str]) -> None:
        """Raise UsageError for an option of an earlier version, also if unknown ones are passed on."""
        for word in words:
            name = word.partition("=")[0]
            if name == "--":
                return
            if name not in self._option_string_actions and (gone := gone_sentence(self.prog, name)):
                raise UsageError(f"{name} is {gone}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        parse: Callable[[str], Any] = self._registry_get("type", action.type, action.type)
        try:
            # An option may have taken such a word as its value.
            return parse(arg_string.removeprefix(_GUARD))
        except ValueError as error:
            raise argparse.ArgumentError(action, str(error)) from None

    def short_usage(self) -> str:
        """Return the usage of the command in one line, with the required options only."""
        words = [self.prog]
        if any(action.option_strings and not action.required for action in self._actions):
            words.append("[OPTIONS]")
        for action in self._actions:
            if not action.option_strings:
                words.append(_positional_usage(action))
            elif action.required:
                words.append(f"{action.option_strings[0]} {action.metavar}")
        return " ".join(words)

    def format_help(self) -> str:
        self._set_usage()
        return super().format_help()

    def _set_usage(self) -> None:
        # argparse would list all options in the usage, and again below.
        if self.usage is None:
            self.usage = self.short_usage().replace("%", "%%")

    def print_help(self, file: object = None) -> NoReturn:
        raise HelpRequest(self.format_help())

    def _known_options_first(self, words: list[str]) -> list[str]:
        """Return the known options with their values, then -- and all other words in their order."""
        known = self._option_string_actions
        end = words.index("--") if "--" in words else len(words)
        ours: list[str] = []
        others: list[str] = []
        place = 0
        while place < end:
            name, equals, _ = words[place].partition("=")
            to = ours if name in known else others
            size = 2 if to is ours and not equals and known[name].nargs != 0 else 1
            to.extend(words[place : min(place + size, end)])
            place += size
        return [*ours, "--", *others, *words[end + 1 :]]

    def _is_excluding_word(self, word: str) -> bool:
        """Return whether `word` begins with a hyphen, and is neither an option nor one with its number."""
        if len(word) < 3 or word[0] != "-" or word[1] == "-":
            return False
        option = self._option_string_actions.get(word[:2])
        return option is None or option.nargs == 0 or not word[2:].isdecimal()

    def _unexpected_argument_text(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{shown(word)} is one argument too many"
        name = word.partition("=")[0]
        return f"{shown(name)} is no option{did_you_mean(name, list(self._option_string_actions))}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{one_line(message)}; {self.prog} --help shows what there is")


def parser_of_kind(name: str) -> Callable[[str], Any]:
    """Return a `type=` for argparse: it parses values of the kind `name` in `logsrv.kit.options.kinds`.

    It imports that module when it is called: with attrs, the import takes longer than all of `gopher URL`.
    """

    def parse(text: str) -> Any:
        from logsrv.kit.options import kinds

        kind = getattr(kinds, name)
        try:
            return kind.parse(text)
        except ValueError as error:
            said = f"{shown(text)} is {error}; accepted: {kind.accepted}"
            raise ValueError(said) from None

    return parse
