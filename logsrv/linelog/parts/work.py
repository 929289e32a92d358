"""The work of parts: the base of their classes, and the context that the service gives them.

The service calls these methods in the reactor's thread, in this order:

    prepare, sites          at the start and at each reload, before anything is bound; what they raise
                            refuses the start or the reload
    make_server             for each new site, after that
    before_store_opens      once
    holds_of_rule_store     for each store of a [[retention]] rule, before it opens; also at a reload
    apply                   when the store is open, and at each reload
    stopping                when the service stops, while peers are still connected
    stop                    last, after the store is closed

`endpoints` is called once, when the web server is made: after all parts are made, before the store opens.
`findings` is called instead of all of them by `logsrv check`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, succeed

from logsrv.clock import Clock
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.observe.metrics import Metric, Metrics, MetricsPart
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.linelog.parts.endpoints import PartEndpoint
from logsrv.linelog.store.cursor import Place, place_in
from logsrv.linelog.store.policy import Hold
from logsrv.linelog.store.segment import Position, number_of_store

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

Options = TypeVar("Options")


@attrs.frozen(eq=False, kw_only=True)
class StoreContext:
    """An open store, as a part gets it.

    directory: returns its present directory. identity: returns its identity, "" if it has none. hold:
    called with the requests to keep segments from retention; each replaces all others. rule: the name of
    its [[retention]] rule; "" for the main store. The rule may have been removed: the store goes on until
    its lines are gone.
    """

    directory: Callable[[], str]
    identity: Callable[[], str]
    hold: Callable[[Sequence[Hold]], object]
    rule: str = ""


@attrs.frozen(eq=False, kw_only=True)
class PartContext(StoreContext):
    """The main store of a service and the service's means, as a part gets them.

    position: returns the end of the store. ends: returns that of each store, by the number of the store in
    positions: 0 for this one, others for those of [[retention]] rules. totals: returns how much all have,
    for /api/stats; for a thread.
    unhealthy, unready: return the reasons for /healthz and /readyz: why lines are not stored, or not
    received. endpoints: returns those of all parts; for the web server. rule_stores: returns the open
    stores of [[retention]] rules.
    """

    position: Callable[[], Position]
    totals: Callable[[], dict[str, Any]]
    unhealthy: Callable[[], list[str]]
    unready: Callable[[], list[str]]
    clock: Clock
    reactor: Any
    metrics: Metrics
    endpoints: Callable[[], Sequence[PartEndpoint]] = tuple
    rule_stores: Callable[[], Sequence[StoreContext]] = tuple
    ends: Callable[[], Mapping[int, Position]] = attrs.Factory(
        lambda self: lambda: {0: self.position()}, takes_self=True
    )

    @property
    def end(self) -> Place:
        """The end of all stores."""
        identities = {number_of_store(one.rule): one.identity() for one in self.rule_stores()}
        return place_in(self.ends(), {number: one for number, one in identities.items() if one})


class PartWork(Generic[Options]):
    """The base of the class that a part names as its work. Each method does nothing unless overridden.

    metrics: its metrics, declared before it is made. reads_rule_stores: whether it reads the stores of
    [[retention]] rules with the main one; if not, and if its work is done in processes, rules are refused.
    may_refuse: whether `apply` may still raise ConfigurationError; such a part is told of new settings
    before the others, so that nothing has changed.
    """

    metrics: ClassVar[Sequence[Metric]] = ()
    reads_rule_stores: ClassVar[bool] = False
    may_refuse: ClassVar[bool] = False

    def __init__(self, context: PartContext, options: Options) -> None:
        """Open nothing yet. `options`: the first ones, which no method has seen."""
        self.context = context

    def prepare(self, options: Options) -> None:
        """Read and check what these options name. Raises ConfigurationError."""

    def sites(self, options: Options, limits: GuardPolicy) -> Sequence[SiteSpec]:
        """Return where to listen. limits: who may connect to the service. Raises ConfigurationError."""
        return ()

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        """Return the server of a new site, one of `sites`."""
        raise NotImplementedError

    def endpoints(self) -> Sequence[PartEndpoint]:
        """Return what it answers in the API of the web server, if there is one."""
        return ()

    def before_store_opens(self, options: Options, directory: str) -> None:
        """Prepare what the store needs when it opens."""

    def holds_of_rule_store(self, options: Options, directory: str) -> Sequence[Hold]:
        """Return the requests to keep segments of a rule's store, which opens next."""
        return ()

    def apply(self, options: Options) -> None:
        """Use these options from now on."""

    def left_out(self, options: Options) -> Sequence[str]:
        """Return what the options ask for but is not done, for the status."""
        return ()

    def processes(self, options: Options) -> Sequence[str]:
        """Return the names of what does its work in processes of its own."""
        return ()

    def findings(
        self, options: Options, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        """Return what `logsrv check` says. It must open and change nothing. now: with a time zone."""
        return ()

    def stopping(self) -> Deferred[None]:
        """Finish current work; the Deferred fires when that is done."""
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """End everything; the Deferred fires when it has ended, within some seconds."""
        return succeed(None)
