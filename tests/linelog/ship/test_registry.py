"""Tests for how a target is made of a URL."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship import address
from logsrv.linelog.ship.address import Scheme, parse_ship_url
from logsrv.linelog.ship.registry import TargetSettings, make_target


@pytest.fixture
def scheme(monkeypatch: pytest.MonkeyPatch) -> Scheme:
    """A scheme of the tests, whose module needs an extra."""
    made = Scheme(maker="of_tests.make_target", port=1, extra="parcels")
    monkeypatch.setitem(address.SCHEMES, "tests", made)
    return made


def settings() -> TargetSettings:
    return TargetSettings(
        name="a", url=parse_ship_url("tests://somewhere"), store="0" * 32, token="geheim"
    )


def test_a_target_is_made_by_the_module_of_its_scheme(
    scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("of_tests")
    module.make_target = lambda *given: given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "logsrv.linelog.ship.of_tests", module)
    made: object = make_target(settings(), "reactor")
    assert made == (settings(), "reactor")


def test_a_missing_package_is_told_with_the_extra_that_has_it(
    scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'parcels'", name="parcels")

    monkeypatch.setattr("logsrv.linelog.ship.registry.import_module", missing)
    with pytest.raises(ConfigurationError, match=r"package parcels; .* 'logsrv\[parcels\]'"):
        make_target(settings(), None)


def test_a_fault_of_ours_is_no_missing_package(scheme: Scheme) -> None:
    with pytest.raises(ModuleNotFoundError):
        make_target(settings(), None)


def test_a_token_is_not_shown(scheme: Scheme) -> None:
    assert "geheim" not in repr(settings())
