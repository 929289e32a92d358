"""The parts of a service together: one that fails keeps no other from its end, or from what it finds."""

import datetime
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs, formatEvent

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.service.findings import CheckRequest, Finding, current_user
from logsrv.kit.service.sites import SiteSpec
from logsrv.linelog.parts.endpoints import PartEndpoint
from logsrv.linelog.parts.part import Part
from logsrv.linelog.parts.registry import KnownPart
from logsrv.linelog.parts.work import PartWork
from logsrv.linelog.plugin import running_parts
from logsrv.linelog.plugin.running_parts import RunningParts
from logsrv.linelog.store.policy import Hold, StorePolicy
from tests.parts.logger_services import settings

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
ended: list[str] = []


class Failing(PartWork[StorePolicy]):
    def findings(
        self, options: StorePolicy, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        raise RuntimeError("a bug")

    def stop(self) -> Deferred[None]:
        raise RuntimeError("a bug")


class Sound(PartWork[StorePolicy]):
    def stop(self) -> Deferred[None]:
        ended.append("sound")
        return super().stop()


def known(kind: type[Any], *, ours: bool) -> KnownPart:
    part = Part(kind.__name__, "", "", f"{kind.__module__}:{kind.__name__}")
    return KnownPart(part, StorePolicy, ours)


def endpoint(path: str, method: str = "GET") -> PartEndpoint:
    return PartEndpoint(method=method, path=path, help="Colours", answer=lambda asked: succeed({}))


class Offering(PartWork[StorePolicy]):
    def endpoints(self) -> list[PartEndpoint]:
        return [endpoint("/api/colours"), endpoint("/api/colours/{name}", "DELETE")]


class OfferingAgain(PartWork[StorePolicy]):
    def endpoints(self) -> list[PartEndpoint]:
        return [endpoint("/api/colours"), endpoint("/api/shapes")]


class OfferingNonsense(PartWork[StorePolicy]):
    def endpoints(self) -> list[PartEndpoint]:
        return [endpoint("/colours")]


def test_the_endpoints_of_all_parts_are_found_and_what_is_wrong_is_logged():
    kinds = (OfferingNonsense, Offering, OfferingAgain, Sound)
    wanted = [known(one, ours=False) for one in kinds]
    context: Any = SimpleNamespace(metrics=Metrics())
    parts = RunningParts(wanted, context, settings())
    with capturedLogs() as events:
        found = parts.endpoints()
    assert [(one.method, one.path) for one in found] == [
        ("GET", "/api/colours"),
        ("DELETE", "/api/colours/{name}"),
        ("GET", "/api/shapes"),
    ]
    assert [formatEvent(one) for one in events] == [
        "the endpoints of part OfferingNonsense are left out",
        "part OfferingAgain: GET /api/colours is left out, another part has it",
    ]


async def test_a_part_that_fails_hinders_no_other():
    missing = known(Failing, ours=False)
    missing = missing._replace(part=missing.part._replace(name="away", work="nowhere.at_all:Work"))
    wanted = [missing, known(Failing, ours=False), known(Sound, ours=True)]
    context: Any = SimpleNamespace(metrics=Metrics())
    parts = RunningParts(wanted, context, settings())
    assert parts.broken.keys() == {"part away"} and "nowhere" in parts.broken["part away"]
    [found] = parts.findings(settings(), CheckRequest(current_user()), NOW)
    assert found.sentence == "could not be checked: RuntimeError: a bug"
    with capturedLogs() as events:
        await parts.stop()
    assert ended == ["sound"]
    assert [formatEvent(one) for one in events] == ["the part Failing failed to stop"]


class Holding(PartWork[StorePolicy]):
    def holds_of_rule_store(self, options: StorePolicy, directory: str) -> list[Hold]:
        return [Hold(directory, 3, 100)]


def test_the_holds_of_all_parts_are_for_a_store_that_opens():
    """Retention begins when it opens, before a part has seen it."""
    parts = [known(kind, ours=True) for kind in (Holding, Sound, Holding)]
    context: Any = SimpleNamespace(metrics=Metrics())
    running = RunningParts(parts, context, settings())
    found = running.holds_of_rule_store(settings(), "/x/stores/a")
    assert found == [Hold("/x/stores/a", 3, 100)] * 2


def test_all_parts_are_prepared_before_any_is_asked_for_its_sites():
    """A site may be made of what another part refuses."""
    done: list[str] = []

    class Noting(PartWork[StorePolicy]):
        def prepare(self, options: StorePolicy) -> None:
            done.append("prepared")

        def sites(self, options: StorePolicy, all_settings: Any) -> list[SiteSpec]:
            done.append("asked for sites")
            return []

    with patch.multiple(running_parts, load_object=lambda _: Noting):
        parts = RunningParts(
            [known(Sound, ours=True)] * 2, cast(Any, SimpleNamespace(metrics=Metrics())), settings()
        )
    parts.wanted_sites(settings())
    assert done == ["prepared"] * 2 + ["asked for sites"] * 2


class ReadingAlone(PartWork[StorePolicy]):
    def processes(self, options: StorePolicy) -> list[str]:
        return ["my reader"]


def test_a_part_whose_processes_read_the_main_store_alone_refuses_rules():
    context: Any = SimpleNamespace(metrics=Metrics())
    parts = RunningParts([known(ReadingAlone, ours=False)], context, settings())
    with pytest.raises(ConfigurationError, match="does not go with my reader"):
        parts.require_no_rule_stores(settings())


class Misspelt(PartWork[StorePolicy]):
    def endpoint(self) -> list[PartEndpoint]:
        return []


class Unrelated:
    """Has not the base class."""


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Misspelt, "Misspelt.endpoint would never be used; did you mean endpoints?"),
        (Unrelated, "test_running_parts:Unrelated is no subclass of PartWork"),
    ],
)
def test_a_part_with_a_misspelt_method_or_another_base_is_left_out_with_the_reason(kind, sentence):
    context: Any = SimpleNamespace(metrics=Metrics())
    found = RunningParts([known(kind, ours=False)], context, settings())
    assert found.broken[f"part {kind.__name__}"].endswith(sentence)
