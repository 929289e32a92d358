"""Try alerts: send the messages of `twistd logsrv`, with the newest matching lines of the store.

The command has the alert options of `twistd logsrv`, its --config and its variables. Without --alert and
--config, it tries the alerts of /etc/logsrv.toml, if that file exists. With names, it tries only those
alerts. Each message is sent once, at once, even if no line matches, and says that it is a test. No server
needs to run, and a running one is not affected.

With --since it sends nothing, and says when an alert with a condition would have fired. --silence NAME
--for TIME ends its messages for a while, also those of a running server: it is still evaluated, and a
message follows if it fires at the end. --silence-group app=shop silences these groups of it alone.

Examples:

  logsrv alert
  logsrv alert --alert 'level>=error' --alert-command 'mail -s error root'
  logsrv alert --alert 'status>=500 | count > 100 in 5m by app' --since 1d
  logsrv alert --silence web --for 2h --reason 'new release'
  logsrv alert --silence web --silence-group app=shop --for 2h

Exit status: 0 when every alert was delivered, 1 when one was not.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.cli.arguments import (
    SAID,
    aligned_columns,
    require_other_option,
    tell,
    usual_store,
)
from logsrv.cli.command import Command
from logsrv.clock import Clock
from logsrv.errors import ConfigurationError, StoreError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import grouped_options, options_of
from logsrv.kit.options.help import add_settings
from logsrv.kit.options.kinds import DURATION
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted, did_you_mean, shown
from logsrv.linelog.alerts.alert_query import hints_on_alert
from logsrv.linelog.alerts.alert_settings import AlertOptions, AlertSettings, alerts_by_label
from logsrv.linelog.alerts.alerts import require_programs_exist
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage, PastEpisodes, find_past_episodes
from logsrv.linelog.alerts.grammar import AlertQuery, parse_alert
from logsrv.linelog.alerts.message import UndeliveredMessage, group_in_words
from logsrv.linelog.alerts.page.saved_alerts import read_alerts, use_entries
from logsrv.linelog.alerts.states.silences import (
    Silence,
    UnknownAlertError,
    add_silence,
    checked_silence,
    end_of_silence,
    end_silences,
    read_silences,
)
from logsrv.linelog.alerts.tally import SHOWN, MatchCount, MatchTally
from logsrv.linelog.alerts.ways.delivery import AlertMessage, make_deliver
from logsrv.linelog.commands.service_settings import names_configuration, service_settings
from logsrv.linelog.commands.stores import make_search
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.query.match import make_matcher as matcher_of
from logsrv.linelog.query.times import parse_moment
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.plan import Scope
from logsrv.reactor import chosen_reactor

command = Command("alert", "try the command or webhook of an alert", __name__)

_now = Clock.time_of_day
_OPTIONS = options_of(AlertOptions)


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("names", metavar="NAME", nargs="*", help="only these alerts")
    file = "read options from this TOML file, as twistd logsrv does"
    add("--config", metavar="FILE", action="append", help=file)
    store = f"the store (default: that of the configuration; without one {SAID})"
    add("--directory", "-d", metavar="DIRECTORY", action="append", help=store)
    add("--since", metavar="TIME", help="say when they would have fired since then; send nothing")
    add("--silence", metavar="NAME", help="send no messages of this alert for a while")
    add(
        "--for",
        metavar="TIME",
        dest="lasting",
        help="the length of --silence: 2h, 30m; 90 is seconds",
    )
    group = "only the groups with this value, such as app=shop; repeatable for several fields"
    add("--silence-group", metavar="FIELD=VALUE", action="append", help=group)
    add("--reason", metavar="TEXT", help="why, for the list")
    add("--silences", action="store_true", help="list the alerts that are silenced")
    add("--end-silence", metavar="NAME", help="let a silenced alert send messages again; or an id")
    add_settings(parser, grouped_options(AlertOptions), ())


def run(arguments: argparse.Namespace) -> int:
    """Send a message for each alert. Raises ConfigurationError for wrong options."""
    require_other_option(arguments, "silence", "lasting", "reason", "silence_group")
    loaded = _settings(arguments)
    directory = str(loaded.directory)
    if arguments.silences:
        return print_silences(directory)
    if arguments.end_silence:
        return end_silence(directory, arguments.end_silence)
    alerts = _known_alerts(loaded.of(AlertOptions))
    if not alerts:
        raise ConfigurationError("there are no alerts; add --alert QUERY, or --config FILE")
    if arguments.silence is not None:
        return begin_silence(directory, silence_asked_for(arguments, alerts))
    for name in arguments.names:
        if name not in alerts:
            raise ConfigurationError(
                f"no alert is called {shown(name)}{did_you_mean(name, list(alerts))}"
            )
    wanted = {label: alerts[label] for label in arguments.names or alerts}
    if arguments.since is not None:
        return print_past_episodes(directory, wanted, arguments.since)
    return _try_alerts(directory, wanted)


def _known_alerts(options: AlertOptions) -> dict[str, AlertSettings]:
    """Return the alerts of the configuration and of the page, by their labels."""
    found = alerts_by_label(options.alerts)
    if options.alert_saved is not None:
        page = use_entries(options, read_alerts(options.alert_saved))
        for name, why in page.broken.items():
            tell(f"logsrv alert: alert {one_line(name)} of the page does not run: {why}")
        found |= page.usable
    return found


def _try_alerts(directory: str, wanted: Mapping[str, AlertSettings]) -> int:
    require_programs_exist(tuple(wanted.values()))
    for label, alert in wanted.items():
        for hint in hints_on_alert(alert.alert):
            tell(f"logsrv alert: alert {label}: {hint}")
    return _send_all(
        {label: (alert, _message_for_test(directory, alert)) for label, alert in wanted.items()}
    )


def _settings(arguments: argparse.Namespace) -> LoggerSettings:
    texts = {name: getattr(arguments, name, None) for name in ("config", "directory", *_OPTIONS)}
    given = {
        name: text if isinstance(text, list) else [text]
        for name, text in texts.items()
        if text is not None
    }
    if arguments.since is not None and not given.keys() & {"alert_command", "alert_webhook"}:
        # Nothing is sent, so that the alert needs no way; one of the configuration stays.
        given |= {} if names_configuration(given) else {"alert_command": ["true"]}
    if "alert" in given and not names_configuration(given):
        # With --alert the command line is complete, and not every user may read /etc/logsrv.toml.
        return service_settings({"directory": [usual_store()], **given}, usual=False)
    return service_settings(given)


def _message_for_test(directory: str, alert: AlertSettings) -> AlertMessage:
    condition = parse_alert(alert.alert).condition
    if condition is None:
        return _newest_matches(directory, alert)
    now = _now()
    made_up = Episode(("test",) * len(condition.by), now, (condition.comparisons[0].threshold,))
    return EpisodeMessage((made_up,), now)


def _newest_matches(directory: str, alert: AlertSettings) -> MatchCount:
    """Return the last matching lines; none if there is no store yet."""
    tally = MatchTally(alert.alert_every)
    try:
        view = open_all_stores(directory, lambda why: tell(f"logsrv alert: {why}"))
    except StoreError as error:
        tell(f"logsrv alert: {error}; it is sent without lines")
        return tally.counted
    with view:
        search = make_search(view, matcher_of(parse_alert(alert.alert).lines.node), Scope())
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
    running = chosen_reactor()
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


def print_past_episodes(directory: str, alerts: Mapping[str, AlertSettings], since: str) -> int:
    """Print when each alert would have fired since a time; return the exit status.

    Raises UsageError for a time that is none, and StoreError without a store.
    """
    now = _now()
    try:
        begin = parse_moment(since, now, utc=False)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    asked = {label: parse_alert(alert.alert) for label, alert in alerts.items()}
    with_condition = {label: one for label, one in asked.items() if one.condition is not None}
    for label in asked.keys() - with_condition.keys():
        tell(
            f"logsrv alert: alert {label} has no condition, such as | count > 100 in 5m: it fires for each "
            "line; logsrv search -c counts these"
        )
    with open_all_stores(directory, lambda why: tell(f"logsrv alert: {why}")) as view:
        for label, one in with_condition.items():
            _print_episodes(find_past_episodes(view, one, begin, now), label, one, begin)
    return 0 if with_condition else 1


def _print_episodes(found: PastEpisodes, label: str, asked: AlertQuery, since: float) -> None:
    number = len(found.episodes)
    times = "once" if number == 1 else f"{number:,} times"
    print(f"alert {label} would have fired {times} since {rfc3339(since)}")
    assert asked.condition is not None
    rows = []
    for one in found.episodes:
        lasted = (
            "still" if one.ended is None else DURATION.show(max(1.0, round(one.ended - one.begun)))
        )
        group = one_line(group_in_words(asked.condition, one.key))
        rows.append((f"  {rfc3339(one.begun)}", lasted, group))
    if rows:
        print(aligned_columns(rows), end="", flush=True)
    if found.left_out:
        tell(
            f"logsrv alert: alert {label} has more groups than are kept; it counts others together"
        )


def print_silences(directory: str) -> int:
    """Print the silences of a store; return the exit status."""
    found = read_silences(directory, _now())
    for one in found:
        reason = f" ({one_line(one.reason)})" if one.reason else ""
        print(f"{_subject(one)} is silent until {rfc3339(one.until)}{reason}, id {one.id}")
    if not found:
        tell("logsrv alert: no alert is silenced")
    return 0


def _subject(silence: Silence) -> str:
    """Return what is silent, such as `web app=shop`."""
    group = [
        f"{field}={'(none)' if value is None else value}"
        for field, value in (silence.group or {}).items()
    ]
    return one_line(" ".join([silence.alert, *group]))


def silence_asked_for(
    arguments: argparse.Namespace, alerts: Mapping[str, AlertSettings]
) -> Silence:
    """Return the silence that the options describe. Raises UsageError and ConfigurationError."""
    if arguments.lasting is None:
        raise UsageError("--silence needs --for TIME, such as --for 2h")
    now = _now()
    try:
        until = end_of_silence(arguments.lasting, now)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from None
    given = arguments.silence_group or []
    try:
        return checked_silence(
            {label: one.alert for label, one in alerts.items()},
            arguments.silence,
            group=dict(map(_group_field, given)) if given else None,
            until=until,
            reason=arguments.reason or "",
            now=now,
        )
    except UnknownAlertError as error:
        raise ConfigurationError(str(error)) from None
    except ValueError as error:
        raise UsageError(f"--silence: {error}") from None


def _group_field(text: str) -> tuple[str, str]:
    field, separator, value = text.partition("=")
    if not separator or not field:
        raise UsageError(f"--silence-group: {shown(text)} is not of the form app=shop")
    return field, value


def begin_silence(directory: str, silence: Silence) -> int:
    """Silence an alert, or some groups of it; return the exit status."""
    try:
        add_silence(directory, silence, _now)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    begun = _now() if silence.begun is None else silence.begun
    lasting = DURATION.show(max(1.0, round(silence.until - begun)))
    print(f"{_subject(silence)} is silent for {lasting}, until {rfc3339(silence.until)}")
    return 0


def end_silence(directory: str, name: str) -> int:
    """End the silences of an alert, or one by its id. Raises UsageError if there is none."""
    ended = end_silences(directory, lambda one: name in (one.alert, one.id), _now)
    if not ended:
        raise UsageError(f"alert {shown(name)} is not silenced")
    for subject in dict.fromkeys(map(_subject, ended)):
        print(f"{subject} sends messages again")
    return 0
