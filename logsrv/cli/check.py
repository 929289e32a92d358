"""Check whether a service can start and work with its configuration.

Checked are the configuration and everything that the service will open:
endpoints, tokens and keys, certificates, the store, targets and webhooks.
Each finding is a line: ok, warning or error, and what to do. Nothing is
changed, and the service may run meanwhile. As root, the command checks with
the rights of the service's user.

All other options, and all after --, are options of twistd logsrv: the check is
of a service that is started with them. Without options, it is of
/etc/logsrv.toml; if there is none, such as in a container, of the server that
runs with the store, as that was started.

Examples:

  logsrv check --config /etc/logsrv.toml
  logsrv check --listen tcp:1234 --directory logs
  logsrv check --line 'card 4111111111111111, paid'
  logsrv check --plugin greet --strict --listen tcp:1234

Exit status: 0 if there is no error (nor, with --strict, a warning), 1 if
there is one, 2 when the command line makes no sense.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict
from twisted.application.service import IServiceMaker
from twisted.logger import globalLogBeginner
from twisted.plugin import getPlugins

from logsrv.cli.command import Command
from logsrv.cli.line_logger import has_line_logger
from logsrv.cli.plugins import OVERLOOKED, is_overlooked
from logsrv.errors import LogsrvError, UsageError
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.options.usage import SettingsOptions
from logsrv.kit.plugins import broken_plugins
from logsrv.kit.service.check_service import check_service
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    User,
    current_user,
    error,
    find_user,
    ok,
    warning,
)
from logsrv.kit.service.running_command import RunningCommand, running_command
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted, did_you_mean, shown

command = Command("check", "check whether a service can start and work", __name__)

PLUGIN = "logsrv"
CONFIGURATION = "configuration"
# The most characters of a finding; a longer one loses its end. Any path fits.
_LONGEST = 8192
# The least width of the column of subjects, in characters; a longer subject is not shortened.
_WIDEST = 24
_LEVEL = 9


def declare(parser: Parser) -> None:
    parser.passes_on = True
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration (default: /etc/logsrv.toml if it exists)",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="whom the service runs as (default: as it runs now, else the owner of the store unless that"
        " is root, else logsrv, else you)",
    )
    parser.add_argument(
        "--plugin", metavar="NAME", default=PLUGIN, help="another service of the kit, such as greet"
    )
    parser.add_argument(
        "--reach", action="store_true", help="connect to targets and webhooks as well"
    )
    parser.add_argument(
        "--line",
        metavar="TEXT",
        help="also tell what each listener of the line logger would store of this line",
    )
    parser.add_argument("--strict", action="store_true", help="status 1 for warnings, too")
    parser.add_argument("--json", action="store_true", help="an object of JSON for each line")
    parser.add_argument(
        "options",
        nargs="*",
        metavar="OPTION",
        help="options of the service, such as --listen udp:514",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the findings, and return the exit status. Raises UsageError."""
    # Drop Twisted's log, which would repeat the findings.
    with contextlib.suppress(AssertionError):
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    levels: list[str] = []
    for one in _all_findings(arguments):
        levels.append(one.level.value)
        if arguments.json:
            print(json.dumps({**asdict(one), "level": one.level.value}), flush=True)
        else:
            print(finding_text(one), flush=True)
    errors, warnings = levels.count("error"), levels.count("warning")
    if not arguments.json:
        counts = (counted(errors, "error"), counted(warnings, "warning"))
        print(f"\n{', '.join(counts)}, {levels.count('ok')} ok")
    return 1 if errors or (arguments.strict and warnings) else 0


def finding_text(one: Finding) -> str:
    """Return a finding as a line; below it those that mark the place of an error in a query."""
    sentence, *marks = one.sentence.split("\n")
    sentence = f"{sentence}; {one.advice}" if one.advice else sentence
    # A path may contain a newline. Neither here nor, because of the spaces, below can it forge a finding.
    subject = one_line(one.subject)
    first = one_line(f"{one.level.value:<{_LEVEL}}{subject:<{_WIDEST}} {sentence}", _LONGEST)
    below = [one_line(f"{'':<{_LEVEL}}{mark}", _LONGEST) for mark in marks]
    return "\n".join([first, *below])


def _all_findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    name = arguments.plugin
    maker = _find_maker(name)
    options = maker.options()
    if not isinstance(options, SettingsOptions):
        raise UsageError(f"{shown(name)} is not a plugin of the kit, so it cannot be checked")
    # Without twistd, the usage line would begin with the plugin's name alone.
    options.synopsis = f"Usage: logsrv check {options.synopsis}"
    asked_for = _find_asked_user(arguments.user) if arguments.user else None
    words = _service_arguments(arguments)
    try:
        service = _made(maker, options, words)
        running = _running(service, name)
        if running is not None and not words and not _names_config(name):
            # Nothing says which configuration is meant: it is that of the server which has the store.
            options = maker.options()
            prefix = variable_prefix(name)
            options.environment = {prefix + key: text for key, text in running.environment.items()}
            yield ok(CONFIGURATION, f"as process {running.pid} was started, which has the store")
            with contextlib.chdir(running.directory):
                service = _made(maker, options, running.words)
            running = None
    except (LogsrvError, OSError) as failure:
        *others, last = getattr(failure, "errors", (failure,))
        for one in others:
            yield error(CONFIGURATION, str(one))
        why = str(last).removeprefix(f"{name}: ")
        yield error(CONFIGURATION, why, "nothing else is checked")
        return
    if running is not None:
        is_usual = not arguments.config and not arguments.options and not _names_config(name)
        yield from _other_configuration(running, options.loaded.file, is_usual=is_usual)
    for sentence in options.loaded.warnings:
        yield warning(CONFIGURATION, sentence)
    for sentence in options.loaded.unused:
        yield ok(CONFIGURATION, sentence)
    user, why = (asked_for, "as asked") if asked_for else _service_user(service, name)
    if user.is_me or os.geteuid() == 0:
        yield ok("user", f"{user.name} ({why})")
    else:
        said = f"the service runs as {user.name} ({why}); the lines below are about your own rights"
        yield warning("user", said, "sudo logsrv check sees it as the service does")
        user = current_user()
    for where, broken in broken_plugins().items():
        yield warning(where, broken, "mend or remove it; logsrv plugins shows all")
    asked = CheckRequest(user, reach=arguments.reach, file=options.loaded.file, line=arguments.line)
    yield from check_service(service, name, asked)


def _find_maker(name: str) -> Any:
    """Return the service maker with a name. Raises UsageError."""
    makers = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
    if name == PLUGIN and not has_line_logger():
        raise UsageError(
            f"--plugin NAME is needed; for the line logger: {how_to_install_line_logger()}"
        )
    if name not in makers:
        near = did_you_mean(name, list(makers))
        path = f"; {OVERLOOKED}" if is_overlooked(Path.cwd()) else ""
        raise UsageError(
            f"{shown(name)} is no plugin of twistd{near}; logsrv plugins lists them{path}"
        )
    return makers[name]


def _find_asked_user(name: str) -> User:
    """Return the user of --user. Raises UsageError."""
    user = find_user(name)
    if not user.is_me and os.geteuid() != 0:
        raise UsageError(f"--user {user.name}: only root can check the rights of another user")
    return user


def _made(maker: Any, options: Any, words: Sequence[str]) -> Any:
    """Return the service for options of the command line. Raises LogsrvError."""
    options.parseOptions(words)
    service = maker.makeService(options)
    service.signals.restore_handlers()
    return service


def _running(service: Any, name: str) -> RunningCommand | None:
    """Return how the process was started that has the store of the service; None if there is none."""
    pid = service.running_pid()
    return None if pid is None else running_command(pid, name)


def _other_configuration(
    running: RunningCommand, file: Path | None, *, is_usual: bool
) -> Iterator[Finding]:
    """Yield a finding if the running service has another configuration than the one that is checked.

    is_usual: nobody has named the file.
    """
    used = running.config
    if used == (file and Path(os.path.normpath(file))):
        return
    tell = warning if is_usual else ok
    who = f"process {running.pid}, which has the store,"
    if used is None:
        advice = "name the options with which it was started"
        yield tell(CONFIGURATION, f"{who} was started without --config", advice)
    else:
        advice = f"logsrv check --config {shlex.quote(str(used))}"
        yield tell(CONFIGURATION, f"{who} uses {used}, not what is checked here", advice)


def _names_config(name: str) -> bool:
    return bool(os.environ.get(f"{variable_prefix(name)}CONFIG"))


def _service_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the service, with `--config` for the usual configuration if none is named."""
    words: list[str] = list(arguments.options)
    usual = Path(f"/etc/{arguments.plugin}.toml")
    named = any(word == "--config" or word.startswith("--config=") for word in words)
    named |= _names_config(arguments.plugin)
    config = arguments.config or (str(usual) if usual.exists() and not named else "")
    return ["--config", config, *words] if config else words


def _service_user(service: Any, name: str) -> tuple[User, str]:
    """Return the user with whose rights the service runs, or would run, and how we know that user.

    A store that root owns does not count: root may have copied it.
    """
    pid = service.running_pid()
    store = getattr(service.settings, "directory", None)
    with contextlib.suppress(OSError, UsageError):
        if pid is not None:
            return find_user(str(os.stat(f"/proc/{pid}").st_uid)), f"as process {pid}"
        if isinstance(store, Path) and store.is_dir() and (owner := store.stat().st_uid):
            return find_user(str(owner)), f"who owns {store}"
    with contextlib.suppress(UsageError):
        return find_user(name), "its own user"
    return current_user(), "you"
