"""Commands as manual pages and completions see them, whatever reads their command lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from logsrv.kit.options.kinds import Completion


@attrs.frozen(kw_only=True)
class Argument:
    """An option, or what stands between options.

    names: `--follow`, `-f`; none for what has a place. metavar: the word for its value; "" for a flag.
    takes: what a shell may offer for the value. many: it may be given more than once.
    """

    names: tuple[str, ...] = ()
    metavar: str = ""
    help: str = ""
    takes: Completion = None
    many: bool = False


@attrs.frozen(kw_only=True)
class ArgumentGroup:
    """Arguments that stand together under a title."""

    title: str
    arguments: tuple[Argument, ...]


@attrs.frozen(kw_only=True)
class CommandManual:
    """A command, or one of its commands.

    name: as one types it: `logsrv search`. purpose: a phrase. usage: how it is called.
    text: what it does (logsrv.kit.text.paragraphs); `Example:` and the like begin sections of the page.
    also: texts for more sections, by title. see: names of other pages, as `logsrv(1)`.
    origin: program and version of one that another package brings.
    """

    name: str
    purpose: str
    usage: str
    text: str = ""
    groups: tuple[ArgumentGroup, ...] = ()
    commands: tuple[CommandManual, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    see: tuple[str, ...] = ()
    origin: str = ""

    @property
    def word(self) -> str:
        """The last word of the name."""
        return self.name.rpartition(" ")[2]

    @property
    def page(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def options(self) -> Sequence[Argument]:
        """The arguments with names."""
        return [argument for argument in self._arguments() if argument.names]

    @property
    def places(self) -> Sequence[Argument]:
        """The arguments without names, in order."""
        return [argument for argument in self._arguments() if not argument.names]

    def _arguments(self) -> Iterator[Argument]:
        for group in self.groups:
            yield from group.arguments
