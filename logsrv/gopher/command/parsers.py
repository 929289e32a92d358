"""The parsers of `gopher` and its commands, for manual pages and completions of shells."""

from __future__ import annotations

from functools import partial

from logsrv.gopher.command import arguments, browse, fetch, mirror, news, serve
from logsrv.kit.options.argument_parser import Parser

PURPOSE = "show, copy and serve what is on Gopher"
"""What `gopher` is for."""

COMMANDS = {
    "browse": "look around in Gopher, full-screen",
    "mirror": "copy what a Gopher server has",
    "serve": "serve a directory with Gopher",
    "follow": "follow a menu, such as a phlog",
    "unfollow": "follow a menu no longer",
    "new": "show what is new in the menus you follow",
}
"""The commands, each with what it is for; anything else behind `gopher` is a URL."""


def parser_of(command: str = "") -> Parser:
    """Return the parser of a command; of `gopher URL` without one."""
    if command in news.ABOUT:
        declare = partial(news.declare, command)
        return arguments.parser(declare, f"gopher {command}", news.ABOUT[command])
    made = {"": fetch, "browse": browse, "mirror": mirror, "serve": serve}[command]
    statuses = arguments.STATUSES if made in (fetch, mirror) else ""
    return arguments.parser(made.declare, f"gopher {command}".rstrip(), made.DESCRIPTION, statuses)
