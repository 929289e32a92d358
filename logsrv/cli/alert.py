"""Try alerts: send the messages of `twistd logsrv`, with the newest matching lines of the store.

The command has the alert options of `twistd logsrv`, its --config and its variables. Without --alert and
--config, it tries the alerts of /etc/logsrv.toml, if that file exists. With names, it tries only those
alerts. Each message is sent once, at once, even if no line matches, and says that it is a test. No server
needs to run, and a running one is not affected.

With --since it sends nothing, and says when an alert with a condition would have fired. --silence NAME
--for TIME ends its messages for a while, also those of a running server: it is still evaluated, and a
message follows if it fires at the end.

Examples:

  logsrv alert
  logsrv alert --alert 'level>=error' --alert-command 'mail -s error root'
  logsrv alert --alert 'status>=500 | count > 100 in 5m by app' --since 1d
  logsrv alert --silence web --for 2h --reason 'new release'

Exit status: 0 when every alert was delivered, 1 when one was not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.cli.alert_answers import (
    begin_silence,
    end_silence,
    print_past_episodes,
    print_silences,
)
from logsrv.cli.arguments import SAID, require_other_option, tell, usual_store
from logsrv.cli.settings_of_service import names_configuration, settings
from logsrv.errors import ConfigurationError, StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import counted, did_you_mean, shown
from logsrv.linelog.alerts.alert_settings import AlertSettings, alerts_by_label
from logsrv.linelog.alerts.alerts import require_programs_exist
from logsrv.linelog.alerts.delivery import AlertMessage, make_deliver
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import UndeliveredMessage
from logsrv.linelog.alerts.tally import SHOWN, MatchCount, MatchTally
from logsrv.linelog.cursors.option_kinds import hints_on_alert
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.query.language.condition import parse_alert
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
    "alert_format": ("json|slack|alertmanager", "the body that this URL expects"),
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
    add = parser.add_argument
    add("--no-alert-resolved", action="store_true", help="accepted as --alert-every is")
    add("--since", metavar="TIME", help="say when they would have fired since then; send nothing")
    add("--silence", metavar="NAME", help="send no messages of this alert for a while")
    add("--for", metavar="TIME", dest="lasting", help="the length of --silence, such as 2h")
    add("--reason", metavar="TEXT", help="why, for the list")
    add("--silences", action="store_true", help="list the alerts that are silenced")
    add("--end-silence", metavar="NAME", help="let a silenced alert send messages again")


def run(arguments: argparse.Namespace) -> int:
    """Send a message for each alert. Raises ConfigurationError for wrong options."""
    require_other_option(arguments, "silence", "lasting", "reason")
    loaded = _settings(arguments)
    directory = str(loaded.directory)
    if arguments.silences:
        return print_silences(directory)
    if arguments.end_silence:
        return end_silence(directory, arguments.end_silence)
    alerts = alerts_by_label(loaded.alerts)
    if not alerts:
        raise ConfigurationError("there are no alerts; add --alert QUERY, or --config FILE")
    silenced = [] if arguments.silence is None else [arguments.silence]
    for name in (*arguments.names, *silenced):
        if name not in alerts:
            raise ConfigurationError(
                f"no alert is called {shown(name)}{did_you_mean(name, list(alerts))}"
            )
    if silenced:
        return begin_silence(
            directory, arguments.silence, arguments.lasting, arguments.reason or ""
        )
    wanted = {label: alerts[label] for label in arguments.names or alerts}
    if arguments.since is not None:
        return print_past_episodes(directory, wanted, arguments.since)
    return _try_alerts(directory, wanted)


def _try_alerts(directory: str, wanted: Mapping[str, AlertSettings]) -> int:
    require_programs_exist(tuple(wanted.values()))
    for label, alert in wanted.items():
        for hint in hints_on_alert(alert.alert):
            tell(f"logsrv alert: alert {label}: {hint}")
    return _send_all(
        {label: (alert, _message_for_test(directory, alert)) for label, alert in wanted.items()}
    )


def _settings(arguments: argparse.Namespace) -> LoggerSettings:
    given = {name: getattr(arguments, name) for name in _OPTIONS if getattr(arguments, name)}
    if arguments.since is not None and not given.keys() & {"alert_command", "alert_webhook"}:
        # Nothing is sent, so that the alert needs no way; one of the configuration stays.
        given |= {} if names_configuration(given) else {"alert_command": ["true"]}
    if "alert" in given and not names_configuration(given):
        # With --alert the command line is complete, and not every user may read /etc/logsrv.toml.
        return settings({"directory": [usual_store()], **given}, usual=False)
    return settings(given)


def _message_for_test(directory: str, alert: AlertSettings) -> AlertMessage:
    condition = parse_alert(alert.alert).condition
    if condition is None:
        return _newest_matches(directory, alert)
    now = time.time()
    made_up = Episode(("test",) * len(condition.by), now, condition.threshold)
    return EpisodeMessage((made_up,), now)


def _newest_matches(directory: str, alert: AlertSettings) -> MatchCount:
    """Return the last matching lines; none if there is no store yet."""
    tally = MatchTally(alert.alert_every)
    try:
        view = View(directory, lambda why: tell(f"logsrv alert: {why}"))
    except StoreError as error:
        tell(f"logsrv alert: {error}; it is sent without lines")
        return tally.counted
    with view:
        search = Search(view, matcher_of(parse_alert(alert.alert).lines.node), Scope())
        hits = list(islice(search.hits(reverse=True), SHOWN))[::-1]
    if hits:
        tally.add_matches(hits, len(hits), hits[-1].line, 0)
    return tally.counted


def _with_lines(sent: AlertMessage) -> str:
    if isinstance(sent, EpisodeMessage):
        return ""
    return f" with {counted(sent.count, 'line')}"


def _send_all(messages: Mapping[str, tuple[AlertSettings, AlertMessage]]) -> int:
    """Send the messages, one after the other; return the exit status."""
    from twisted.internet import reactor

    running: Any = reactor
    failed = False

    async def send() -> None:
        nonlocal failed
        deliver = make_deliver(running, test=True)
        for label, (alert, sent) in messages.items():
            for way in alert.ways:
                try:
                    await deliver(way, alert, sent)
                    print(f"alert {label}: sent by {way}{_with_lines(sent)}", flush=True)
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
