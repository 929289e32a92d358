"""The parts of a service, made and told what it does: each with its own options, and in one order.

Parts whose `apply` may still refuse come first, and else the ranks decide.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.plugins import load_object
from logsrv.kit.service.findings import findings_or_error
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.kit.text.misspelt import check_spelling
from logsrv.kit.text.words import error_text, listed
from logsrv.linelog.parts.endpoints import PartEndpoint
from logsrv.linelog.parts.registry import KnownPart
from logsrv.linelog.parts.work import PartContext, PartWork
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.store.policy import Hold

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

log = Logger()


@attrs.frozen(eq=False)
class _RunningPart:
    """A part, and the class of the options that its work gets."""

    name: str
    options: type[Any]
    work: PartWork[Any]


class RunningParts:
    """All parts of a service. broken: those of other packages that could not be made, with the reasons."""

    def __init__(
        self, known: Sequence[KnownPart], context: PartContext, settings: LoggerSettings
    ) -> None:
        self.broken: dict[str, str] = {}
        self._at_sites: dict[str, PartWork[Any]] = {}
        made = []
        for one in known:
            try:
                made.append(_make_part(one, context, settings))
            except Exception as error:
                if one.ours:
                    raise
                self.broken[f"part {one.part.name}"] = error_text(error)
        self._all = sorted(made, key=lambda one: not one.work.may_refuse)

    def _with_options(self, settings: LoggerSettings) -> Iterator[tuple[PartWork[Any], Any]]:
        """Yield the work of each part, and its options."""
        for one in self._all:
            yield one.work, settings.of(one.options)

    def wanted_sites(self, settings: LoggerSettings) -> list[SiteSpec]:
        """Prepare all for these settings, and return their sites. Raises ConfigurationError."""
        for work, options in self._with_options(settings):
            work.prepare(options)
        found = []
        for work, options in self._with_options(settings):
            for wanted in work.sites(options, settings):
                self._at_sites[wanted.key] = work
                found.append(wanted)
        return found

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        """Return the server of a site of a part."""
        return self._at_sites[wanted.key].make_server(wanted, metrics)

    def endpoints(self) -> list[PartEndpoint]:
        """Return the endpoints of all parts. Of two alike the first counts; the log names the other."""
        found: dict[tuple[str, str], PartEndpoint] = {}
        for one in self._all:
            try:
                offered = list(one.work.endpoints())
            except Exception:
                log.failure("the endpoints of part {part} are left out", part=one.name)
                continue
            for each in offered:
                if found.setdefault((each.method, each.path), each) is not each:
                    log.error(
                        "part {part}: {method} {path} is left out, another part has it",
                        part=one.name,
                        method=each.method,
                        path=each.path,
                    )
        return list(found.values())

    def before_store_opens(self, settings: LoggerSettings) -> None:
        """Prepare what the store needs when it opens."""
        for work, options in self._with_options(settings):
            work.before_store_opens(options, str(settings.directory))

    def holds_of_rule_store(self, settings: LoggerSettings, directory: str) -> list[Hold]:
        """Return what the parts need of the store of a rule, which opens next."""
        return [
            hold
            for work, options in self._with_options(settings)
            for hold in work.holds_of_rule_store(options, directory)
        ]

    def apply(self, settings: LoggerSettings) -> None:
        """Use these settings from now on. Raises ConfigurationError; then nothing has changed."""
        for work, options in self._with_options(settings):
            work.apply(options)

    def left_out(self, settings: LoggerSettings) -> list[str]:
        """Return what the settings ask for but is not done."""
        found = [
            each
            for work, options in self._with_options(settings)
            for each in work.left_out(options)
        ]
        return [*found, *self.broken]

    def processes(self, settings: LoggerSettings) -> list[str]:
        """Return the names of what is done in processes."""
        return [
            each
            for work, options in self._with_options(settings)
            for each in work.processes(options)
        ]

    def require_no_rule_stores(self, settings: LoggerSettings) -> None:
        """Raise ConfigurationError for a part that would lack the lines of [[retention]] rules."""
        for work, options in self._with_options(settings):
            if not work.reads_rule_stores and (found := work.processes(options)):
                raise ConfigurationError(
                    f"[[retention]] does not go with {listed(found)}: they would lack the lines of"
                    " DIR/stores, which logsrv search, tail, show and sql find; leave out one of them"
                )

    def findings(
        self, settings: LoggerSettings, asked: CheckRequest, now: datetime.datetime
    ) -> Iterator[Finding]:
        """Yield what the parts find. now: with a time zone."""
        for one in self._all:
            options = settings.of(one.options)
            found = partial(one.work.findings, options, asked, now)
            yield from findings_or_error(f"part {one.name}", found)

    def stopping(self) -> Deferred[list[None]]:
        """Finish current work, while peers are still connected."""
        return gatherResults([_logged(one, one.work.stopping) for one in self._all])

    def stop(self) -> Deferred[list[None]]:
        """End all parts."""
        return gatherResults([_logged(one, one.work.stop) for one in self._all])


def _logged(part: _RunningPart, step: Callable[[], Deferred[None]]) -> Deferred[None]:
    """Do a step of a stop; a failure is logged, and keeps no other part from its end."""
    return maybeDeferred(step).addErrback(
        lambda failure: log.failure("the part {part} failed to stop", failure, part=part.name)
    )


def _make_part(known: KnownPart, context: PartContext, settings: LoggerSettings) -> _RunningPart:
    """Return the work of a part. It is imported now."""
    make: type[PartWork[Any]] = load_object(known.part.work)
    if not isinstance(make, type) or not issubclass(make, PartWork):
        raise ConfigurationError(f"{known.part.work} is no subclass of PartWork")
    check_spelling(make)
    for metric in make.metrics:
        context.metrics.declare(metric, ours=True)
    work = make(context, settings.of(known.options))
    return _RunningPart(known.part.name, known.options, work)
