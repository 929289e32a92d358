"""`argparse` with better errors: one sentence for a mistake, with the option that was probably meant.

Commands use it as it is, plugins of twistd as `SettingsParser`. It loads in 10 ms and without Twisted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeGuard

from logsrv.errors import HelpRequest, LogsrvError, UsageError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.terminal import terminal_columns
from logsrv.kit.text.words import did_you_mean, shown

USAGE = 2
"""The exit status for a UsageError."""
WIDEST = 100
"""The largest width of a help text in columns, also on a wider terminal, because longer lines are hard to
read.
"""


class _TextAction(argparse._VersionAction):
    def __call__(self, *_: object) -> NoReturn:
        text: Any = self.version
        raise HelpRequest(text())


class HelpFormatter(argparse.HelpFormatter):
    """Formats the help text of a command. To get the terminal's width it does not import shutil, which
    imports compressors.

    In a description, indented parts stay as they are; paragraphs are wrapped.
    """

    def __init__(self, prog: str, width: int = 0, left_column: int = 24) -> None:
        """width: columns; 0 for `help_width`. left_column: the most for options."""
        super().__init__(prog, max_help_position=left_column, width=width or help_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from logsrv.kit.text.paragraphs import wrap_for_terminal  # 2 ms, which only a help needs

        return wrap_for_terminal(text, width)


def help_width() -> int:
    """Return the width of a help text in columns: COLUMNS, or without it the width of the terminal, minus
    2, and at most WIDEST.
    """
    given = os.environ.get("COLUMNS", "")
    columns = int(given if given.isdecimal() else 0) or terminal_columns(sys.__stdout__)
    return min(columns - 2, WIDEST)


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
        add_help: bool = True,
    ) -> None:
        """`version`: returns the text of `--version`; without it there is no such option."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=HelpFormatter,
        )
        self._positionals.title = "arguments"
        if add_help:
            self.add_text("--help", "-h", text=self.format_help, help="show this")
        if version is not None:
            self.add_text("--version", text=lambda: f"{version()}\n", help="show the version")

    def add_text(self, *names: str, text: Any, help: str, to: Any = None) -> None:
        """Add an option that only shows a text. text: a function that returns this text. to: the group of
        the option.
        """
        (to or self).add_argument(*names, action=_TextAction, version=text, help=help)

    def parse_args(self, args: Sequence[str] | None = None) -> argparse.Namespace:  # type: ignore[override]
        options, arguments = self._split_words(args or ())
        words = [*options, "--", *arguments] if arguments else options
        found, unknown = self.parse_known_args(words)
        if surplus := [word for word in unknown if word != "--"]:
            raise self.surplus_argument(surplus[0])
        return found

    def _split_words(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the options, as argparse cannot mistake them, and the arguments.

        An option may stand anywhere, unless an argument takes all that is left. A mistake is told after all
        words are known: one may ask for help.
        """
        options: list[str] = []
        arguments: list[str] = []
        wrong: list[LogsrvError] = []
        takes_rest = any(action.nargs == argparse.REMAINDER for action in self._actions)
        rest = iter(words)
        for word in rest:
            name, value = self.option_in(word)
            action = self._option_string_actions.get(name)
            if word == "--":
                arguments += rest
            elif action is None and self._is_argument(word):
                arguments += (word, *rest) if takes_rest else (word,)
            elif action is None:
                wrong.append(self.unknown_option(name))
            elif isinstance(action, _TextAction):
                return [name], []
            elif action.nargs == 0:
                options.append(name)
                wrong += [self.needless_value(action, name, value)] if value is not None else []
            elif value is not None or self._is_value(value := next(rest, None)):
                # argparse takes no second word that begins with a hyphen for a value.
                options += [f"{name}={value}"] if name.startswith("--") else [name + value]
            else:
                wrong.append(self.missing_value(action, name))
        if wrong:
            raise wrong[0]
        return options, arguments

    def declared(self) -> Sequence[argparse.Action]:
        """Return the options and arguments, in the order in which they were declared."""
        return self._actions

    def option_in(self, word: str) -> tuple[str, str | None]:
        """Return the name of the option in a word, and the value of the option if the same word has it,
        else None.
        """
        name, equals, value = word.partition("=")
        if word in self._option_string_actions or word.startswith("--"):
            return name, value if equals else None
        short = self._option_string_actions.get(word[:2])
        # In a query, `-word` excludes a word.
        if short is None or short.nargs == 0 or (self.takes_query and not word[2:].isdecimal()):
            return word, None
        return word[:2], word[2:].removeprefix("=")

    def _is_argument(self, word: str) -> bool:
        """Return whether a word is an argument, and not an option that there is not."""
        if not word.startswith("-") or word == "-" or word[1:2].isdecimal():
            return True
        return self.passes_on or (self.takes_query and len(word) > 2 and word[1] != "-")

    def _is_value(self, word: str | None) -> TypeGuard[str]:
        return word not in (None, "--", *self._option_string_actions)

    def unknown_option(self, name: str) -> LogsrvError:
        """Return the error for an unknown option."""
        near = did_you_mean(name, list(self._option_string_actions))
        return self._mistake(f"{shown(name)} is no option{near}")

    def missing_value(self, action: argparse.Action, name: str) -> LogsrvError:
        """Return the error for an option without its value."""
        return self._mistake(f"argument {'/'.join(action.option_strings)}: expected one argument")

    def needless_value(self, action: argparse.Action, name: str, value: str) -> LogsrvError:
        """Return the error for an option that has a value, but takes none."""
        called = "/".join(action.option_strings)
        return self._mistake(f"argument {called}: ignored explicit argument {value!r}")

    def surplus_argument(self, word: str) -> LogsrvError:
        """Return the error for an argument that is too many."""
        if word.startswith("-"):
            return self.unknown_option(word.partition("=")[0])
        return self._mistake(f"{shown(word)} is one argument too many")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        parse: Callable[[str], Any] = self._registry_get("type", action.type, action.type)
        try:
            return parse(arg_string)
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
        # argparse would list all options in the usage, and again below.
        if self.usage is None:
            self.usage = self.short_usage().replace("%", "%%")
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        raise self._mistake(message)

    def _mistake(self, sentence: str) -> UsageError:
        return UsageError(f"{one_line(sentence)}; {self.prog} --help shows what there is")


def parser_of_kind(name: str) -> Callable[[str], Any]:
    """Return a function for `type=` of argparse: it parses values of the kind `name` in
    `logsrv.kit.options.kinds`.

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
