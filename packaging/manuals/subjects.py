"""The subjects of manual pages: `logsrv`, `gopher`, plugins of twistd, topics, the configuration file.

Each subject is a parser of argparse, even if something else parses its command line, because pages and
completions are made from parsers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import shtab
from roff import PageSubject, manual_page
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from logsrv import __version__
from logsrv.cli import command
from logsrv.errors import ConfigurationError
from logsrv.gopher.command import main as gopher_command
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import (
    Option,
    grouped_options,
    option_name,
    options_of,
    table_key,
    tables_of,
)
from logsrv.kit.options.help import INFORMATIVE, add_settings, example_command, help_groups
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.options.usage import SettingsOptions
from logsrv.linelog.commands.help_command import topic_text, topics
from logsrv.linelog.plugin.logger_settings import LoggerSettings

_LOGSRV = """\
logsrv has the commands that read stores of lines and work on them. The server that writes them is a plugin
of twistd: twistd-logsrv(8).

logsrv help shows commands and topics, logsrv COMMAND --help the options of a command.

Examples:

  logsrv search 'level>=error' --since today
  logsrv tail -f
  logsrv help query
"""
_VARIABLES = {
    "--directory": "  LOGSRV_DIRECTORY  the store that is read without --directory",
    "--no-pager": "  LOGSRV_PAGER      the pager for long output; else PAGER, else less",
    "--color": "  NO_COLOR          if it is set and not empty: no colours",
}
_STATUS = "0 when it went well, 1 when it did not, 2 when the command line makes no sense."
_FILES = """\
  /etc/logsrv.toml       the configuration, as Debian's package has it
  /var/lib/logsrv/lines  the store, as Debian's package has it
"""
_SERVER = """\
0 when it has gone to the background and listens; 1 when it could not start, 78 under a service manager if
its options are wrong; 143 when SIGTERM has stopped it, and 130 when Ctrl-C has.
"""
_TOML = """\
The options of twistd logsrv in TOML, for --config FILE. Each key is the option of that name; the command
line and the environment win over the file. A relative path is relative to the file. A flag is true or
false; what may be given more than once is an array; false or "off" switches off what may be off.

  directory = "/var/lib/logsrv/lines"
  listen = ["tcp:1234", "syslog:udp:514"]
  keep-bytes = "100GiB"

SIGHUP has the server read it again, and apply it as a whole or not at all.
"""
# The files that a shell offers for a value, by its word in help texts.
_OFFERED = {
    "files": shtab.FILE,
    "directories": shtab.DIRECTORY,
    "FILE": shtab.FILE,
    "FILE.py": shtab.FILE,
    "PATH": shtab.FILE,
    "FILE|DIRECTORY": shtab.FILE,
    "DIR": shtab.DIRECTORY,
    "DIRECTORY": shtab.DIRECTORY,
    "FROM": shtab.DIRECTORY,
    "TO": shtab.DIRECTORY,
}


def pages() -> dict[str, str]:
    """Return all manual pages, by the names of their files."""
    return {
        f"{subject.name}.{subject.section}": manual_page(subject, f"logsrv {__version__}")
        for subject in subjects()
    }


def completions(shell: str) -> dict[str, str]:
    """Return a shell's completion scripts for our programs, by the programs' names."""
    whole = Parser("logsrv", _LOGSRV, version=str)
    made = (_with_commands(whole, _commands()), gopher_parser())
    return {parser.prog: shtab.complete(parser, shell) for parser in made}


def _commands() -> dict[str, tuple[Parser, str]]:
    """Return the parser and the purpose of each command of `logsrv`, also of other packages'."""
    made = {}
    for name, one in sorted(command.COMMANDS.all().items()):
        try:
            made[name] = command.parser_of(one), one.purpose
        except ConfigurationError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    return made


def gopher_parser() -> Parser:
    """Return the parser of `gopher`, whose first word may be a URL as well."""
    made = {
        name: (gopher_command.parser_of(name), purpose)
        for name, (_, purpose) in gopher_command.COMMANDS.items()
    }
    serve, _ = made["serve"]
    # The arguments after the directory are options of the server, which parses them itself.
    serve._actions = [one for one in serve._actions if one.nargs != argparse.REMAINDER]
    taken = {name for action in serve._actions for name in action.option_strings}
    for maker, options in _kit_plugins():
        if maker.tapname == "gopherd":
            _add_plugin_options(serve, options, without={*taken, "--directory"})
    return _with_commands(gopher_command.parser_of(), made)


def _with_commands(whole: Parser, commands: Mapping[str, tuple[Parser, str]]) -> Parser:
    made: Any = lambda prog, **_: commands[prog.rpartition(" ")[2]][0]  # noqa: E731
    below = whole.add_subparsers(prog=whole.prog, title="commands", parser_class=made)
    for name, (_, purpose) in commands.items():
        below.add_parser(name, help=purpose)
    # For the first word a shell can offer only commands; it cannot know a URL.
    whole._actions = [one for one in whole._actions if one.option_strings or one is below]
    for parser in (whole, *(parser for parser, _ in commands.values())):
        for action in parser._actions:
            _set_completion(action)
    return whole


def _set_completion(action: argparse.Action, kind: object = None) -> None:
    """Set what a shell offers for the value of an argument."""
    # Set as choices only here: the command line gets the error of the type, which is clearer.
    words = kind if isinstance(kind, tuple) else getattr(action.type, "words", None)
    if words and not action.choices:
        action.choices = words
    offered = _OFFERED.get(str(kind or action.metavar))
    if offered is not None:
        action.complete = offered  # type: ignore[attr-defined]


def _add_plugin_options(
    parser: Parser, options: SettingsOptions[Any], without: Collection[str] = ()
) -> None:
    """Add the options of a plugin of twistd, except those in `without`."""
    add_settings(parser, help_groups(options.settings_class), options.positional, without)
    declared = {"config": CONFIG, **options_of(options.settings_class)}
    for action in parser._actions:
        if action.dest in declared:
            _set_completion(action, declared[action.dest].kind.completion)
    group = parser.add_argument_group("Information")
    for word, about in INFORMATIVE:
        if word != "help" and f"--{word}" not in without:
            group.add_argument(f"--{word}", action="store_true", help=about)


def _kit_plugins() -> Iterator[tuple[Any, SettingsOptions[Any]]]:
    """Yield the plugins of twistd whose options are declared with the kit, including other packages'."""
    for maker in getPlugins(IServiceMaker):
        try:
            made = maker.options()
        except (Exception, SystemExit):
            # Leave out a broken plugin of another package: `logsrv plugins` says why it is broken.
            made = None
        if isinstance(made, SettingsOptions):
            yield maker, made


def subjects() -> Iterator[PageSubject]:
    """Yield the subjects of all manual pages."""
    commands = _commands()
    pages = [f"logsrv-{name}(1)" for name in commands]
    whole = Parser("logsrv", _LOGSRV, version=str)
    _add_terms(
        whole, "commands", ((f"logsrv {name}", about) for name, (_, about) in commands.items())
    )
    yield PageSubject(
        name="logsrv",
        purpose="read lines that the line logger has stored, and work on its stores",
        section=1,
        parser=whole,
        also={
            "EXIT STATUS": topic_text("exit"),
            "FILES": _FILES,
            "ENVIRONMENT": topic_text("environment"),
        },
        see=[
            *pages,
            *(f"logsrv-{topic}(7)" for topic in topics()),
            *("logsrv.toml(5)", "twistd-logsrv(8)"),
        ],
    )
    for name, (parser, purpose) in commands.items():
        yield _command_page(name, purpose, parser)
    yield from _gopher_pages()
    for maker, options in _kit_plugins():
        yield _plugin_page(maker, options)
    for topic, purpose in topics().items():
        parser = Parser(f"logsrv-{topic}", topic_text(topic))
        yield PageSubject(
            name=parser.prog, purpose=purpose, section=7, parser=parser, see=["logsrv(1)"]
        )
    parser = Parser("logsrv.toml", _TOML)
    for title, keys in _configuration_keys():
        _add_terms(parser, title, keys)
    see = ["twistd-logsrv(8)", "logsrv-config(7)"]
    purpose = "configuration of the line logger"
    yield PageSubject(name=parser.prog, purpose=purpose, section=5, parser=parser, see=see)


def _command_page(name: str, purpose: str, parser: Parser) -> PageSubject:
    """Return a command of `logsrv`, with sections that its help does not have."""
    names = {one for action in parser._actions for one in action.option_strings}
    also = {}
    if "Exit status:" not in str(parser.description):
        also["EXIT STATUS"] = _STATUS
    if "--directory" in names:
        also["FILES"] = _FILES
    if variables := [line for option, line in _VARIABLES.items() if option in names]:
        also["ENVIRONMENT"] = "\n".join(variables)
    see = ["logsrv(1)"]
    if any(action.metavar == "QUERY" for action in parser._actions):
        see += ["logsrv-query(7)", "logsrv-time(7)"]
    return PageSubject(
        name=f"logsrv-{name}", purpose=purpose, section=1, parser=parser, also=also, see=see
    )


def _gopher_pages() -> Iterator[PageSubject]:
    commands = {f"gopher {name}": purpose for name, (_, purpose) in gopher_command.COMMANDS.items()}
    see = [f"{name.replace(' ', '-')}(1)" for name in commands]
    parser = gopher_command.parser_of()
    _add_terms(parser, "commands", commands.items())
    yield PageSubject(
        name="gopher",
        purpose=gopher_command.PURPOSE,
        section=1,
        parser=parser,
        also={"ENVIRONMENT": topic_text("environment")},
        see=[*see, "twistd-gopher(8)", "twistd-gopherd(8)"],
    )
    (below,) = [
        one for one in gopher_parser()._actions if isinstance(one, argparse._SubParsersAction)
    ]
    for name, (_, purpose) in gopher_command.COMMANDS.items():
        yield PageSubject(
            name=f"gopher-{name}",
            purpose=purpose,
            section=1,
            parser=below.choices[name],
            see=["gopher(1)"],
        )


def _plugin_page(maker: Any, options: SettingsOptions[Any]) -> PageSubject:
    name, version = maker.tapname, getattr(maker, "version", "")
    text = options.description
    if "Example" not in text:
        every = options_of(options.settings_class)
        text += f"\n\nExample:\n\n  {example_command(name, every, options.positional)}"
    parser = Parser(f"twistd [OPTIONS OF TWISTD] {name}", text)
    _add_plugin_options(parser, options)
    variables = f"Each option is also a variable: --listen is {variable_prefix(name)}LISTEN."
    return PageSubject(
        name=f"twistd-{name}",
        purpose=maker.description.rstrip("."),
        section=8,
        parser=parser,
        also={"EXIT STATUS": _SERVER, "ENVIRONMENT": variables},
        see=["twistd(1)", *(("logsrv.toml(5)", "logsrv(1)") if name == "logsrv" else ())],
        origin=f"{name} {version}" if version else "",
    )


def _add_terms(parser: Parser, title: str, entries: Iterable[tuple[str, str]]) -> None:
    """Add terms with their meanings, under a title."""
    group = parser.add_argument_group(title)
    for word, meaning in entries:
        group.add_argument(f"{title} {word}", metavar=word, help=meaning.replace("%", "%%"))


def _configuration_keys() -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
    """Yield the keys of the configuration file with their meaning, by group, then by table."""

    def entries(options: Mapping[str, Option]) -> Iterator[tuple[str, str]]:
        for attribute, option in options.items():
            accepted = "true or false" if option.kind.is_flag else option.accepted
            lists = "; may be an array" if option.repeatable else ""
            meaning = f"{option.help}. Takes {accepted}{lists}. Default: {option.default_text}."
            yield option_name(attribute), meaning

    for title, options in grouped_options(LoggerSettings).items():
        yield title, entries(options)
    every = options_of(LoggerSettings)
    for attribute, declared in tables_of(LoggerSettings).items():
        inner = options_of(declared.settings_class)
        own = {key: option for key, option in inner.items() if every.get(key) is not option}
        yield f"[[{table_key(attribute, declared)}]]: {declared.help}", entries(own)
