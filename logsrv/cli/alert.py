"""Try alerts: send the messages of `twistd logsrv`, with the newest matching lines of the store.

The command has the alert options of `twistd logsrv`, its --config and its variables. Without --alert and
--config, it tries the alerts of /etc/logsrv.toml, if that file exists. With names, it tries only those
alerts. Each message is sent once, at once, even if no line matches, and says that it is a test. No server
needs to run, and a running one is not affected.

Examples:

  logsrv alert
  logsrv alert --alert 'level>=error' --alert-command 'mail -s error root'

Exit status: 0 when every alert was delivered, 1 when one was not.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.cli.arguments import SAID, tell, usual_store
from logsrv.cli.settings_of_service import names_configuration, settings
from logsrv.errors import ConfigurationError, StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.alerts.alert_settings import AlertSettings, alerts_by_label
from logsrv.linelog.alerts.alerts import require_programs_exist
from logsrv.linelog.alerts.delivery import make_deliver
from logsrv.linelog.alerts.message import UndeliveredMessage
from logsrv.linelog.alerts.tally import SHOWN, MatchCount, MatchTally
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.query.language.hints import foreign_syntax_hints
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher as matcher_of
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View

_OPTIONS = {
    "config": ("FILE", "read options from this TOML file, as twistd logsrv does"),
    "alert": ("QUERY", "send an alert for lines that match this; repeatable"),
    "alert_command": ("COMMAND", "run this program for an alert"),
    "alert_variable": ("NAME", "a variable for that program; repeatable"),
    "alert_webhook": ("URL", "post an alert to this URL"),
    "alert_page": ("URL", "the live page's URL, for a link"),
    "alert_every": ("TIME", "accepted, so that a command line can be copied"),
    "directory": (
        "DIRECTORY",
        f"the store (default: that of the configuration; without one {SAID})",
    ),
}


def declare(parser: Parser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these alerts")
    for attribute, (metavar, help_) in _OPTIONS.items():
        name = "--" + attribute.replace("_", "-")
        parser.add_argument(name, metavar=metavar, action="append", dest=attribute, help=help_)


def run(arguments: argparse.Namespace) -> int:
    """Send a message for each alert. Raises ConfigurationError for wrong options."""
    loaded = _settings(arguments)
    alerts = alerts_by_label(loaded.alerts)
    if not alerts:
        raise ConfigurationError("there are no alerts; add --alert QUERY, or --config FILE")
    for name in arguments.names:
        if name not in alerts:
            raise ConfigurationError(
                f"no alert is called {shown(name)}{did_you_mean(name, list(alerts))}"
            )
    wanted = {label: alerts[label] for label in arguments.names or alerts}
    require_programs_exist(tuple(wanted.values()))
    for label, alert in wanted.items():
        for hint in foreign_syntax_hints(alert.alert):
            tell(f"logsrv alert: alert {label}: {hint}")
    return _send_all(
        {
            label: (alert, _newest_matches(str(loaded.directory), alert))
            for label, alert in wanted.items()
        }
    )


def _settings(arguments: argparse.Namespace) -> LoggerSettings:
    given = {name: getattr(arguments, name) for name in _OPTIONS if getattr(arguments, name)}
    if "alert" in given and not names_configuration(given):
        # With --alert the command line is complete, and not every user may read /etc/logsrv.toml.
        return settings({"directory": [usual_store()], **given}, usual=False)
    return settings(given)


def _newest_matches(directory: str, alert: AlertSettings) -> MatchCount:
    """Return the last matching lines; none if there is no store yet."""
    tally = MatchTally(alert.alert_every)
    try:
        view = View(directory, lambda why: tell(f"logsrv alert: {why}"))
    except StoreError as error:
        tell(f"logsrv alert: {error}; it is sent without lines")
        return tally.counted
    with view:
        search = Search(view, matcher_of(parse(alert.alert)), Scope())
        hits = list(islice(search.hits(reverse=True), SHOWN))[::-1]
    if hits:
        tally.add_matches(hits, len(hits), hits[-1].line, 0)
    return tally.counted


def _send_all(messages: Mapping[str, tuple[AlertSettings, MatchCount]]) -> int:
    """Send the messages, one after the other; return the exit status."""
    from twisted.internet import reactor

    running: Any = reactor
    failed = False

    async def send() -> None:
        nonlocal failed
        deliver = make_deliver(running, test=True)
        for label, (alert, counted) in messages.items():
            lines = "1 line" if counted.count == 1 else f"{counted.count} lines"
            for way in alert.ways:
                try:
                    await deliver(way, alert, counted)
                    print(f"alert {label}: sent by {way} with {lines}", flush=True)
                except UndeliveredMessage as error:
                    failed = True
                    tell(f"logsrv alert: alert {label} was not delivered: {error}")

    outcome: list[Any] = []

    def end(result: Any) -> None:
        outcome.append(result)
        running.stop()

    running.callWhenRunning(lambda: Deferred.fromCoroutine(send()).addBoth(end))
    running.run()
    if outcome and outcome[0] is not None:
        outcome[0].raiseException()
    return 1 if failed or not outcome else 0
