"""A program with commands, for the tests of pages and completions."""

from __future__ import annotations

import attrs

from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.manuals.command import CommandManual
from logsrv.kit.options.manuals.declared import command_of_parser

ABOUT = """\
Find [things]: in a store.

Example:

  demo find 'it''s' $HOME

Exit status: 0, or 1.
"""


def find() -> Parser:
    made = Parser("demo find", ABOUT)
    add = made.add_argument
    add("--directory", metavar="DIR", help="the store: [default] 'logs'")
    add("--output", choices=("text", "json"), default="text", help="how")
    add("--config", "-f", metavar="FILE", help="a file")
    add("-n", metavar="N", help="how many")
    add("--level", metavar="LEVEL", action="append", help="which; repeatable")
    add("--wrap", action="store_true", help="wrap $(touch lines) `too`")
    add("query", metavar="QUERY", nargs="*")
    return made


def copy() -> Parser:
    made = Parser("demo copy", "Copy a place into a directory.")
    made.add_argument("place", metavar="URL")
    made.add_argument("directory", metavar="DIRECTORY")
    return made


def read() -> Parser:
    made = Parser("demo read", "Read files.")
    made.add_argument("files", metavar="FILE|DIRECTORY", nargs="+")
    return made


def program() -> CommandManual:
    parts = {
        "find": (find(), "find things"),
        "copy": (copy(), "copy a place: all"),
        "read": (read(), "read files"),
    }
    commands = tuple(command_of_parser(*each) for each in parts.values())
    whole = command_of_parser(Parser("demo", "Does it."), "does it")
    return attrs.evolve(whole, commands=commands, see=("demo-find(1)",))
