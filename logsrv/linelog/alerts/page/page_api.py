"""The endpoints of the page about alerts: what it shows, and what readers change there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.kit.text.words import did_you_mean, listed, shown
from logsrv.linelog.alerts.alert_query import hints_on_alert
from logsrv.linelog.alerts.alert_settings import AlertOptions, AlertSettings, alerts_by_label
from logsrv.linelog.alerts.alerts import Alerts
from logsrv.linelog.alerts.page import saved_alerts
from logsrv.linelog.alerts.page.saved_alerts import NO_ALERTS, PageAlerts
from logsrv.linelog.alerts.states import silences
from logsrv.linelog.alerts.states.alert_states import QUIET
from logsrv.linelog.alerts.states.silences import (
    NO_SILENCES,
    AlertSilences,
    Silence,
    UnknownAlertError,
)
from logsrv.linelog.parts.endpoints import (
    ApiParameter,
    EndpointRequest,
    PartEndpoint,
    ProcessAnswer,
    RefusedRequest,
    read_time,
)
from logsrv.linelog.parts.entries_file import Entries, FaultLog, OneAtATime
from logsrv.linelog.parts.work import PartContext

if TYPE_CHECKING:
    # A searching process loads it.
    from logsrv.linelog.alerts.page.would_fire import TriedAlert

log = Logger()

ALERTS, SILENCES = "/api/alerts", "/api/silences"
UNCHANGED = "alerts are not changed here; --alert-saved FILE lets readers make and silence them"
_TEXT = {"type": "string"}
_SILENCE = {
    "alert": _TEXT,
    "group": {"type": ["object", "null"]},
    "for": _TEXT,
    "until": _TEXT,
    "reason": _TEXT,
}
"""The parts of a silence as it is asked for, with their schemas."""
WOULD_FIRE = "logsrv.linelog.alerts.page.would_fire:would_fire"
MOST_NAMES = 1000
"""Names of alerts that the page may use from the start of a server on."""
MOST_LOGGED = 10
"""Wrong alerts of a file that are logged one by one: it may have tens of thousands."""
MOST_REMOVED = 200
"""Tasks of removed and changed alerts beyond which none is saved."""
TRIED_SECONDS = 86400.0
"""Seconds of the past that are tried without `since`."""
_LIST_HELP = "both answer the list"


class PageApi:
    """The alerts of the configuration and of the page together, as readers see and change them.

    Changes of files are done in threads, one after the other; `apply` may come between.
    """

    def __init__(self, context: PartContext, alerts: Alerts, options: AlertOptions) -> None:
        self._context = context
        self._alerts = alerts
        self._options = options
        self._work = OneAtATime(context.reactor)
        # A reader who only looks does not wait for changes.
        self._reading = OneAtATime(context.reactor)
        self._page: PageAlerts = NO_ALERTS
        # Each that ever ran has metrics, which stay.
        self._names: set[str] = set()
        # The sentence about the file, if it cannot be used.
        self._file_error = ""
        self._faults = FaultLog(log, "alerts of the page")
        self._applied = 0
        self._since = context.clock.time_of_day()

    @property
    def alerts(self) -> tuple[AlertSettings, ...]:
        """All alerts that run."""
        return (*self._options.alerts, *self._page.usable.values())

    def apply(self, options: AlertOptions) -> None:
        """Use these options, and the alerts that are in the file now."""
        self._options = options
        self._applied += 1
        try:
            entries = saved_alerts.read_alerts(options.alert_saved) if options.alert_saved else {}
        except StoreError as error:
            self._keep_running(str(error))
        else:
            self._use(entries)

    def _keep_running(self, why: str) -> None:
        """Let the alerts go on that have been read before: the file cannot be used."""
        self._file_error = why
        log.error(
            "alerts of the page: {why}; the alerts that were read before stay in force", why=why
        )
        texts = {name: {"alert": text} for name, text in self._page.texts.items()}
        self._replace(texts)

    def _use(self, entries: Entries) -> None:
        self._file_error = ""
        before = self._page.broken
        self._replace(entries)
        news = [one for one in self._page.broken.items() if before.get(one[0]) != one[1]]
        for name, why in news[:MOST_LOGGED]:
            log.error("alert {name} of the page does not run: {why}", name=shown(name), why=why)
        if (number := len(news) - MOST_LOGGED) > 0:
            log.error(
                "{number} more alerts of the page do not run; the page says why", number=number
            )

    def _replace(self, entries: Entries) -> None:
        self._page = saved_alerts.use_entries(self._options, entries)
        self._names.update(self._page.usable)
        self._alerts.replace_alerts(self.alerts, is_whole=not self._file_error)

    def stop(self) -> Deferred[None]:
        """Wait for changes that are under way."""
        return self._work.ended()

    def endpoints(self) -> tuple[PartEndpoint, ...]:
        """Return the endpoints of the page."""
        return (
            PartEndpoint(
                method="GET",
                path=ALERTS,
                help="The alerts, how they stand, and the silences",
                answer=self._list_for,
            ),
            PartEndpoint(
                method="PUT",
                path=f"{ALERTS}/{{name}}",
                help=f"Save an alert, or replace it; {_LIST_HELP}",
                answer=self._save,
                hints=lambda asked: hints_on_alert(asked.body["alert"]),
                right="alert",
                body={"type": "object", "required": ["alert"], "properties": {"alert": _TEXT}},
            ),
            PartEndpoint(
                method="DELETE",
                path=f"{ALERTS}/{{name}}",
                help=f"Remove an alert; {_LIST_HELP}",
                answer=self._remove,
                right="alert",
            ),
            PartEndpoint(
                method="POST",
                path=SILENCES,
                help="Silence an alert, or a group of it; answers the list of alerts",
                answer=self._silence,
                right="alert",
                body={"type": "object", "required": ["alert"], "properties": _SILENCE},
            ),
            PartEndpoint(
                method="DELETE",
                path=f"{SILENCES}/{{name}}",
                help="End a silence; answers the list of alerts",
                answer=self._end_silence,
                right="alert",
            ),
            PartEndpoint(
                method="GET",
                path="/api/would_fire",
                help="When an alert with this text would have fired",
                answer=self._would_fire,
                hints=lambda asked: hints_on_alert(asked.values["alert"]),
                by_process=True,
                parameters=(
                    ApiParameter(
                        "alert", "the text of an alert", _read_alert, _TEXT, required=True
                    ),
                    ApiParameter("since", "from then on; a day by default", read_time, _TEXT, ""),
                    ApiParameter("until", "until then; now by default", read_time, _TEXT, ""),
                ),
            ),
        )

    def _would_fire(self, asked: EndpointRequest) -> ProcessAnswer:
        now = self._context.clock.time_of_day()
        given = asked.values
        until = given["until"] or rfc3339(now)
        since = given["since"] or rfc3339(parse_rfc3339(until) - TRIED_SECONDS)
        if since >= until:
            raise RefusedRequest(400, f"since ({since}) has to be before until ({until})")
        every = self._options.alert_every
        tried: TriedAlert = {
            "alert": given["alert"],
            "since": since,
            "until": until,
            "every": every,
        }
        return ProcessAnswer(WOULD_FIRE, tried)

    def _list_for(self, asked: EndpointRequest) -> Deferred[Any]:
        """Return the list for a reader, who may not be allowed to change anything."""
        why_not = asked.why_not("alert")

        def restricted(found: dict[str, Any]) -> dict[str, Any]:
            return found | ({"may_change": False, "why_not": why_not} if why_not else {})

        return self._list().addCallback(restricted)

    def _list(self) -> Deferred[Any]:
        return self._reading.run(self._read_silences).addCallbacks(
            self._document, self._document_without_silences
        )

    def _read_silences(self) -> list[Silence]:
        return silences.read_silences(self._context.directory(), self._context.clock.time_of_day())

    def _document_without_silences(self, failure: Failure) -> dict[str, Any]:
        """Return the list, which also says why nothing is silent."""
        failure.trap(StoreError)
        return self._document([], str(failure.value))

    def _document(self, found: list[Silence], trouble: str = "") -> dict[str, Any]:
        options, silent = self._options, silences.silences_by_alert(found)
        why_not = self._why_unchangeable()
        general = saved_alerts.general_settings(options)
        in_configuration = alerts_by_label(options.alerts)
        rows = [
            self._row(label, alert, silent, "configuration")
            for label, alert in in_configuration.items()
        ]
        for name, text in self._page.texts.items():
            if name in self._page.usable:
                rows.append(self._row(name, self._page.usable[name], silent, "page"))
            else:
                rows.append(_broken_row(name, text, self._page.broken[name]))
        rows += [
            _broken_row(name, "", why)
            for name, why in self._page.broken.items()
            if name not in self._page.texts
        ]
        return {
            "may_change": not why_not,
            "why_not": why_not,
            "since": rfc3339(self._since),
            "ways": list(general.ways) if general else [],
            "alerts": rows,
            "silences": [_silence_document(one) for one in found],
            "trouble": trouble,
        }

    def _row(
        self, label: str, alert: AlertSettings, silent: Mapping[str, AlertSilences], of: str
    ) -> dict[str, Any]:
        about = {
            "name": label,
            "alert": alert.alert,
            "of": of,
            "ways": list(alert.ways),
            "error": "",
        }
        return about | self._alerts.states.document(label, alert, silent.get(label, NO_SILENCES))

    def _why_unchangeable(self) -> str:
        if self._options.alert_saved is None:
            return UNCHANGED
        return self._file_error

    def _file(self) -> Path:
        """Return the file of the alerts. Raises RefusedRequest without."""
        if self._options.alert_saved is None:
            raise RefusedRequest(404, UNCHANGED)
        return self._options.alert_saved

    def _save(self, asked: EndpointRequest) -> Deferred[Any]:
        file = self._file()
        try:
            text = saved_alerts.text_in(asked.body)
        except ValueError as error:
            raise RefusedRequest(400, f"this cannot be saved: {error}") from None
        saved_alerts.check_new(self._options, asked.name, text)
        if saved_alerts.general_settings(self._options) is None:
            raise RefusedRequest(409, saved_alerts.NO_WAY)
        self._check_load(asked.name)
        return self._change(file, partial(saved_alerts.save_alert, file, asked.name, text))

    def _check_load(self, name: str) -> None:
        """Raise RefusedRequest if readers make and remove so many alerts that memory would grow."""
        if name not in self._names and len(self._names) >= MOST_NAMES:
            raise RefusedRequest(
                409,
                f"the page has had {MOST_NAMES} names of alerts since the start of the server; use one of "
                "them again",
            )
        if self._alerts.removed_count >= MOST_REMOVED:
            raise RefusedRequest(
                409,
                f"{MOST_REMOVED} alerts that were removed or changed have to report their ends first; try "
                "again later",
            )

    def _remove(self, asked: EndpointRequest) -> Deferred[Any]:
        file = self._file()
        of_page = {*self._page.texts, *self._page.broken}
        if asked.name in alerts_by_label(self._options.alerts) and asked.name not in of_page:
            raise RefusedRequest(
                409, f"alert {shown(asked.name)} is in the configuration; remove it there"
            )
        return self._change(file, partial(saved_alerts.remove_alert, file, asked.name))

    def _change(self, file: Path, change: Callable[[], Entries]) -> Deferred[Any]:
        applied = self._applied

        def use(entries: Entries) -> Deferred[Any]:
            if self._options.alert_saved != file:
                # A reload has named another one meanwhile.
                return self._list()
            if self._applied != applied:
                # A reload has read the file, perhaps after an operator has edited it.
                return self._change(file, partial(saved_alerts.read_alerts, file))
            self._use(entries)
            return self._list()

        return self._work.run(change).addBoth(self._faults.note).addCallback(use)

    def _silence(self, asked: EndpointRequest) -> Deferred[Any]:
        self._file()
        silence = self._asked_silence(asked)
        return self._change_silences(
            partial(silences.add_silence, self._context.directory(), silence)
        )

    def _asked_silence(self, asked: EndpointRequest) -> Silence:
        now = self._context.clock.time_of_day()
        try:
            given = _checked_parts(asked.body)
            if ("for" in given) == ("until" in given):
                raise ValueError('give either "for", such as 2h, or "until", a time')
            until = (
                silences.end_of_silence(given["for"], now)
                if "for" in given
                else silences.moment_of_end(given["until"], now)
            )
            return silences.checked_silence(
                {label: one.alert for label, one in alerts_by_label(self.alerts).items()},
                given["alert"],
                group=given.get("group"),
                until=until,
                reason=given.get("reason", ""),
                now=now,
            )
        except UnknownAlertError as error:
            raise RefusedRequest(404, str(error)) from None
        except ValueError as error:
            raise RefusedRequest(400, str(error)) from None

    def _end_silence(self, asked: EndpointRequest) -> Deferred[Any]:
        self._file()
        directory = self._context.directory()

        def end(now: Callable[[], float]) -> None:
            if not silences.end_silences(directory, lambda one: one.id == asked.name, now):
                raise RefusedRequest(
                    404, f"there is no silence {shown(asked.name)}; it may be over"
                )

        return self._change_silences(end)

    def _change_silences(self, change: Callable[[Callable[[], float]], None]) -> Deferred[Any]:
        def work() -> list[Silence]:
            try:
                change(self._context.clock.time_of_day)
            except ValueError as error:
                raise RefusedRequest(409, str(error)) from None
            return self._read_silences()

        return self._work.run(work).addCallback(self._document)


def _read_alert(text: str, now: float) -> str:
    saved_alerts.check_text(text)
    return text


def _checked_parts(body: Any) -> dict[str, Any]:
    """Return the parts of a silence. Raises ValueError."""
    if not isinstance(body, dict):
        raise ValueError('is no JSON object such as {"alert": "web", "for": "2h"}')
    for part, value in body.items():
        if part not in _SILENCE:
            raise ValueError(f"unknown part {shown(part)}{did_you_mean(part, list(_SILENCE))}")
        if part == "group":
            _check_group(value)
        elif not isinstance(value, str):
            raise ValueError(f"{part} is no text")
    if "alert" not in body:
        raise ValueError("alert is missing: the name of the alert")
    found: dict[str, Any] = body
    return found


def _check_group(group: Any) -> None:
    if group is None:
        return
    if not isinstance(group, dict):
        raise ValueError('group is no JSON object such as {"app": "shop"}')
    wrong = [field for field, value in group.items() if not isinstance(value, str | None)]
    if wrong:
        raise ValueError(f"the values of a group are texts or null; not {listed(wrong[:3])}")


def _broken_row(name: str, text: str, why: str) -> dict[str, Any]:
    nothing: Mapping[str, Any] = {"groups": [], "group_count": 0, "last": None, "delivery": []}
    about = {"name": name, "alert": text, "of": "page", "ways": [], "error": why, "state": QUIET}
    at = saved_alerts.column_of_fault(text)
    return {**about, **nothing, **({"at": at} if at is not None else {})}


def _silence_document(one: Silence) -> dict[str, Any]:
    return {
        "id": one.id,
        "alert": one.alert,
        "group": None if one.group is None else {**one.group},
        "until": rfc3339(one.until),
        "reason": one.reason,
        "begun": None if one.begun is None else rfc3339(one.begun),
    }
