"""The subjects of manual pages: `logsrv`, `gopher`, plugins of twistd, topics, the configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import attrs
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from logsrv.cli.manuals.topics import topic_text, topics
from logsrv.gopher.command import parsers
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import (
    Option,
    grouped_options,
    option_name,
    options_of,
    table_key,
    tables_of,
)
from logsrv.kit.options.help import INFORMATIVE, example
from logsrv.kit.options.manuals.command import Argument, ArgumentGroup, CommandManual
from logsrv.kit.options.manuals.declared import command_of_parser, command_of_settings
from logsrv.kit.options.manuals.page import page, terms_page, text_page
from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.options.usage import SettingsOptions
from logsrv.linelog.plugin.settings import LoggerSettings

Purposes = Mapping[str, tuple[str, str]]

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


def logsrv(commands: Purposes, parser_of: Callable[[str], Parser]) -> CommandManual:
    """Return the command `logsrv`. commands: module and purpose of each of its commands, by name."""
    made = [
        _complete(command_of_parser(parser_of(name), purpose))
        for name, (_, purpose) in commands.items()
    ]
    shown = [Argument(names=(f"--{word}",), help=about) for word, about in INFORMATIVE[:2]]
    return CommandManual(
        name="logsrv",
        purpose="read lines that the line logger has stored, and work on its stores",
        usage="logsrv COMMAND [OPTIONS]",
        text=_LOGSRV,
        groups=(ArgumentGroup(title="options", arguments=tuple(shown)),),
        commands=tuple(made),
        also=(
            ("EXIT STATUS", topic_text("exit")),
            ("FILES", _FILES),
            ("ENVIRONMENT", topic_text("environment")),
        ),
        see=(
            *(f"{each.page}(1)" for each in made),
            *(f"logsrv-{topic}(7)" for topic in topics()),
            *("logsrv.toml(5)", "twistd-logsrv(8)"),
        ),
    )


def _complete(command: CommandManual) -> CommandManual:
    """Return a command of `logsrv` with the sections that do not come from its text."""
    names = {name for option in command.options for name in option.names}
    also = {}
    if "Exit status:" not in command.text:
        also["EXIT STATUS"] = _STATUS
    if "--directory" in names:
        also["FILES"] = _FILES
    if variables := [line for name, line in _VARIABLES.items() if name in names]:
        also["ENVIRONMENT"] = "\n".join(variables)
    see = ["logsrv(1)"]
    if any(place.metavar == "QUERY" for place in command.places):
        see += ["logsrv-query(7)", "logsrv-time(7)"]
    return attrs.evolve(command, also=tuple(also.items()), see=tuple(see))


def gopher() -> CommandManual:
    made = []
    for name, purpose in parsers.COMMANDS.items():
        command = command_of_parser(parsers.parser_of(name), purpose)
        if name == "serve":
            # The server reads all that stands behind the directory.
            groups = next(one for one in daemons() if one.word == "gopherd").groups
            taken = {option.names[0] for option in command.options}
            groups = tuple(_without(group, {*taken, "--directory"}) for group in groups)
            command = attrs.evolve(command, groups=(*command.groups, *groups))
        made.append(attrs.evolve(command, see=("gopher(1)",)))
    whole = command_of_parser(parsers.parser_of(), parsers.PURPOSE)
    see = (*(f"{each.page}(1)" for each in made), "twistd-gopher(8)", "twistd-gopherd(8)")
    also = (("ENVIRONMENT", topic_text("environment")),)
    return attrs.evolve(whole, commands=tuple(made), see=see, also=also)


def _without(group: ArgumentGroup, names: AbstractSet[str]) -> ArgumentGroup:
    left = [option for option in group.arguments if names.isdisjoint(option.names)]
    return attrs.evolve(group, arguments=tuple(left))


def daemons() -> Iterator[CommandManual]:
    """Yield the plugins of twistd whose options are declared with the kit, also those of other packages."""
    for maker in getPlugins(IServiceMaker):
        options = _options(maker)
        if options is None:
            continue
        name, version = maker.tapname, getattr(maker, "version", "")
        text = options.description
        if "Example" not in text:
            every = options_of(options.settings_class)
            text += f"\n\nExample:\n\n  {example(name, every, options.positional)}"
        command = command_of_settings(
            options.settings_class,
            name=name,
            purpose=maker.description.rstrip("."),
            positional=options.positional,
            text=text,
        )
        prefix = variable_prefix(name)
        yield attrs.evolve(
            command,
            origin=f"{name} {version}" if version else "",
            also=(
                ("EXIT STATUS", _SERVER),
                ("ENVIRONMENT", f"Each option is also a variable: --listen is {prefix}LISTEN."),
            ),
            see=("twistd(1)", *(("logsrv.toml(5)", "logsrv(1)") if name == "logsrv" else ())),
        )


def _options(maker: Any) -> SettingsOptions[Any] | None:
    """Return the options of a plugin; None if they are not the kit's, or it cannot be loaded."""
    try:
        made = maker.options()
    except (Exception, SystemExit):
        # A stranger may have broken it: logsrv plugins says how.
        return None
    return made if isinstance(made, SettingsOptions) else None


def _keys() -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
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


def pages(
    commands: Purposes, parser_of: Callable[[str], Parser], *, date: str, origin: str
) -> dict[str, str]:
    """Return all manual pages by the names of their files."""
    made = {}
    for program in (logsrv(commands, parser_of), gopher()):
        for command in (program, *program.commands):
            made[f"{command.page}.1"] = page(command, section=1, date=date, origin=origin)
    for command in daemons():
        theirs = command.origin or origin
        made[f"{command.page}.8"] = page(command, section=8, date=date, origin=theirs)
    for topic, purpose in topics().items():
        name = f"logsrv-{topic}"
        made[f"{name}.7"] = text_page(
            name, purpose, topic_text(topic), section=7, date=date, origin=origin, see=["logsrv(1)"]
        )
    made["logsrv.toml.5"] = terms_page(
        "logsrv.toml",
        "configuration of the line logger",
        _TOML,
        _keys(),
        section=5,
        date=date,
        origin=origin,
        see=["twistd-logsrv(8)", "logsrv-config(7)"],
    )
    return made
