"""`argparse` as people want it: one sentence for a mistake, what was probably meant, no abbreviations.

For commands. The plugins of twistd have `usage.Options`, because twistd asks for it; this can be loaded
in 10 ms and brings no Twisted, gives help that is wrapped to the terminal, and has groups of options
that exclude each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line

USAGE = 2
"""The exit status for a UsageError."""


class UsageError(ConfigurationError):
    """An error: the command line makes no sense."""


class Shown(Exception):
    """A wish: the command line asked for `text`, the help or the version, and nothing else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise Shown(parser.format_help())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise Shown(f"{self.const()}\n")


class Parser(argparse.ArgumentParser):
    """Parser that raises UsageError or Shown instead of printing and ending the process."""

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
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("--help", "-h", nargs=0, action=_Help, help="show this")
        if version is not None:
            self.add_argument(
                "--version", nargs=0, action=_Version, const=version, help="show the version"
            )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unexpected(unknown[0]))
        return arguments

    def _unexpected(self, word: str) -> str:
        from logsrv.kit.text.words import did_you_mean, shown

        if not word.startswith("-"):
            return f"{shown(word)} is one argument too many"
        known = [name for action in self._actions for name in action.option_strings]
        name = word.partition("=")[0]
        return f"{shown(name)} is no option{did_you_mean(name, known)}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{one_line(message)}; {self.prog} --help shows what there is")


def of_kind(name: str) -> Callable[[str], Any]:
    """Return a `type=` for values of the kind `name` in `logsrv.kit.options.kinds`, loaded when needed."""

    def parse(text: str) -> Any:
        from logsrv.kit.options import kinds
        from logsrv.kit.text.words import shown

        kind = getattr(kinds, name)
        try:
            return kind.parse(text)
        except ValueError as error:
            said = f"{shown(text)} is {error}; accepted: {kind.accepted}"
            raise argparse.ArgumentTypeError(said) from None

    return parse
