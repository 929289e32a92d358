"""A command of `logsrv`, and the finder of commands: ours, and others' in `twisted/plugins`.

Ours are in this package, or in a folder of the line logger that can be taken away, as `NAME_command.py`.
"""

from __future__ import annotations

import os
import sys
from _ast import Constant, PyCF_ONLY_AST
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from logsrv.cli.arguments import tell
from logsrv.cli.line_logger import folders_of_the_line_logger
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.plugins import PACKAGE, Plugins, load_object
from logsrv.kit.text.escape import one_line

_DECLARED = "\ncommand = Command("
_IN_LINE_LOGGER = "_command.py"
"""The end of the names of files with a command in folders of the line logger."""


class Command(NamedTuple):
    """A plugin that declares a command: what is known of it before its module is imported.

    name: the word after `logsrv`. purpose: its line in `logsrv --help`. module: the dotted name of a module
    with `declare(parser)`, which adds the arguments, and `run(arguments)`, which returns the exit status;
    its docstring is the command's help.
    searches: status 1 means that nothing was found, and 2 a failure. holds_nothing: it needs no cleanup at
    its end. limits_memory: it limits its memory itself; others that read an archive are limited.
    """

    name: str
    purpose: str
    module: str
    searches: bool = False
    holds_nothing: bool = False
    limits_memory: bool = False


class Commands(Plugins[Command]):
    """All commands. Ours are read out of their files: importing them all takes 0.8 s."""

    def files(self) -> dict[str, str]:
        found = super().files()
        for folder in folders_of_the_line_logger():
            for entry in sorted(os.listdir(folder)):
                if entry.endswith(_IN_LINE_LOGGER):
                    name = entry.removesuffix(_IN_LINE_LOGGER)
                    found.setdefault(name, os.path.join(folder, entry))
        return found

    def files_of(self, name: str) -> Iterator[str]:
        # The folders are listed only for names that this package does not have: searching starts at once.
        yield from super().files_of(name)
        if name.isidentifier():
            paths = (
                os.path.join(folder, name + _IN_LINE_LOGGER)
                for folder in folders_of_the_line_logger()
            )
            yield from filter(os.path.isfile, paths)

    def declared_by(self, name: str, file: str) -> dict[str, Command]:
        with open(file, encoding="utf-8") as source:
            _, found, rest = source.read().partition(_DECLARED)
        if not found:
            return {}
        arguments, _, _ = rest.partition(")\n")
        # Only read, never run: the arguments are literals, and `__name__`. `import ast` would take 5 ms.
        call: Any = compile(f"Command({arguments})", file, "eval", PyCF_ONLY_AST)

        def value(node: Any) -> Any:
            return node.value if isinstance(node, Constant) else _module_in(file)

        more = {each.arg: value(each.value) for each in call.body.keywords}
        command = Command(*map(value, call.body.args), **more)
        return {command.name: command}


def _module_in(file: str) -> str:
    """Return the dotted name of the module in a file of ours."""
    path = file.removeprefix(PACKAGE).removesuffix(".py")
    return f"logsrv.{path.replace(os.sep, '.')}"


_FOOT = """\
logsrv COMMAND --help shows a command's options; logsrv help, topics such as
query and endpoints; logsrv --version, the version.
The servers themselves are plugins of twistd: twistd -n logsrv --help.
"""
_FOOT_WITHOUT_LINE_LOGGER = """\
logsrv COMMAND --help shows a command's options; logsrv --version, the version.
The servers themselves are plugins of twistd: twistd -n greet --help.
The line logger and its commands: {}
"""


def _foot_without_line_logger() -> str:
    return _FOOT_WITHOUT_LINE_LOGGER.format(how_to_install_line_logger())


COMMANDS = Commands("logsrv.cli", lambda value: isinstance(value, Command), word=__name__)


def parser_of(command: Command) -> Parser:
    """Return the parser of a command. Raises ConfigurationError if its module cannot be imported."""
    declare: Callable[[Parser], None] = load_object(f"{command.module}:declare")
    text = sys.modules[command.module].__doc__ or ""
    parser = Parser(prog=f"logsrv {command.name}", description=text)
    declare(parser)
    return parser


def run(command: Command, arguments: Namespace) -> int:
    """Run a command whose module is imported; return its exit status."""
    status: int = load_object(f"{command.module}:run")(arguments)
    return int(status)


def commands_help_text() -> str:
    """Return the help of `logsrv` itself."""
    found = {one_line(name): command for name, command in sorted(COMMANDS.all().items())}
    width = max(8, *map(len, found)) + 2
    rows = "".join(f"  {name:<{width}}{one_line(each.purpose)}\n" for name, each in found.items())
    return (
        "usage: logsrv COMMAND ...\n\n"
        f"{rows}\n"
        f"{_FOOT if 'help' in found else _foot_without_line_logger()}"
    )


def tell_broken_plugins() -> None:
    """Say which files of plugins cannot be imported: one may declare the command that is missed."""
    for file, why in COMMANDS.broken().items():
        tell(f"logsrv: {file} cannot be used: {why}")
