"""Show the help of a command, or a text about a topic.

Without a word, list the commands and the topics. Text longer than the terminal goes through a pager.

Examples:

  logsrv help search
  logsrv help query
"""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING

from logsrv.cli.command import COMMANDS, Command, commands_help_text, parser_of
from logsrv.cli.line_logger import absence_of_command
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.plugins import load_object
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.lazy_names import later_module
from logsrv.linelog.commands.standard_output import Output

if TYPE_CHECKING:
    from logsrv.linelog.query import stage
else:
    # One topic alone tells of them.
    stage = later_module("logsrv.linelog.query.stage")

command = Command("help", "show the help of a command, or a text about a topic", __name__)

_FOLDER = os.path.join(os.path.dirname(__file__), "topics")
_SUFFIX = ".txt"


def topics() -> dict[str, str]:
    """Return the purpose of each topic, by its name."""
    names = sorted(name for name in os.listdir(_FOLDER) if name.endswith(_SUFFIX))
    return {name.removesuffix(_SUFFIX): _read_topic(name)[0] for name in names}


def topic_text(name: str) -> str:
    """Return the text of a topic, without its purpose."""
    text = _read_topic(name + _SUFFIX)[1]
    for word, table in (("{inputs}", _table_of_inputs), ("{stages}", _table_of_stages)):
        text = text.replace(word, table()) if word in text else text
    return text


def _table_of_stages() -> str:
    """Return lines for each stage of a query, as it tells itself."""
    lines = []
    for written, gives in (each for one in stage.all_stages() for each in one.help):
        first, *others = gives.splitlines()
        lines += [f"  {written:<24} {first}", *(" " * 27 + each for each in others)]
    return "\n".join(lines)


def _table_of_inputs() -> str:
    """Return a line for each input and, below `http`, for each format over HTTP, as their plugins tell."""
    # Loaded for this topic alone: with Twisted they take 0.9 s, and all other help is there at once.
    inputs = load_object("logsrv.linelog.formats.registry:INPUTS")
    of_http = load_object("logsrv.linelog.intake.over_http.http_format:HTTP_FORMATS")
    lines = []
    for name, one in inputs.all().items():
        lines.append(f"  {name:<11}  {getattr(one, 'about', '')}".rstrip())
        if name == "http":
            lines += (
                f"    {each:<11}{getattr(one, 'about', '')}".rstrip()
                for each, one in of_http.all().items()
            )
    return "\n".join(lines)


def _read_topic(name: str) -> tuple[str, str]:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        purpose, _, text = file.read().partition("\n\n")
    return purpose, text


class _CommandOrTopic:
    """The `type=` of a command or a topic."""

    @property
    def words(self) -> tuple[str, ...]:
        """All commands and topics; completions of shells offer them, too."""
        return (*COMMANDS.all(), *topics())

    def __call__(self, text: str) -> str:
        if text not in topics() and COMMANDS.find(text) is None:
            if why := absence_of_command(text):
                raise ValueError(why)
            near = did_you_mean(text, self.words)
            raise ValueError(
                f"{shown(text)} is no command and no topic{near}; logsrv help lists them"
            )
        return text


def declare(parser: Parser) -> None:
    parser.add_argument(
        "subject", metavar="SUBJECT", nargs="?", type=_CommandOrTopic(), help="a command or a topic"
    )


def run(arguments: Namespace) -> int:
    with Output(paged=True) as output:
        output.write(_help_text_for(arguments.subject).encode())
    return 0


def _help_text_for(subject: str | None) -> str:
    if subject is None:
        listed = "".join(f"  {name:<13}{purpose}\n" for name, purpose in topics().items())
        return f"{commands_help_text()}\nTopics, for logsrv help TOPIC:\n\n{listed}"
    if subject in topics():
        return f"{subject}: {topics()[subject]}\n\n{topic_text(subject)}"
    found = COMMANDS.find(subject)
    assert found is not None
    return parser_of(found).format_help()
