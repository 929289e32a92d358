"""Tests for how a target is made of a URL."""

import sys
from types import ModuleType

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target_plugin import (
    Scheme,
    TargetPlugin,
    TargetSettings,
    check_encrypted,
    make_target,
)

PLUGIN = TargetPlugin(name="tests", reference="of_tests:make", schemes={"tests": Scheme(1)})


def settings(plugin: TargetPlugin = PLUGIN, query: str = "") -> TargetSettings:
    url = plugin.parse(f"tests://somewhere{query}", "tests")
    return TargetSettings(name="a", url=url, store="0" * 32, token="geheim")


def test_a_target_is_made_by_the_class_that_its_plugin_names(monkeypatch):
    module = ModuleType("of_tests")
    module.make = lambda *given: given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "of_tests", module)
    made: object = make_target(settings(), "reactor")
    assert made == (settings(), "reactor")


def test_a_target_that_cannot_be_imported_is_a_sentence():
    with pytest.raises(
        ConfigurationError, match="of_tests cannot be imported: ModuleNotFoundError"
    ):
        make_target(settings(), None)


@pytest.mark.parametrize(
    ("known", "query", "sentence"),
    [
        ((), "?room=3", "tests://somewhere:1: after its [?] nothing may stand, not room$"),
        (("room", "door"), "?rom=3", "only room or door may stand, not rom"),
    ],
)
def test_unknown_parameters_of_a_plugin_are_refused(known, query, sentence):
    plugin = attrs.evolve(PLUGIN, parameters=known)
    with pytest.raises(ConfigurationError, match=sentence):
        plugin.check_settings(settings(plugin, query))


def test_parameters_that_a_plugin_knows_are_taken():
    for known in (("room",), None):
        plugin = attrs.evolve(PLUGIN, parameters=known)
        plugin.check_settings(settings(plugin, "?room=3"))


def test_a_plugin_without_a_scheme_with_tls_takes_its_token_to_this_machine_only():
    plugin = attrs.evolve(PLUGIN, exposes="the token")
    check_encrypted(settings())
    with pytest.raises(ConfigurationError, match="the token in the clear: take a target with TLS"):
        check_encrypted(settings(plugin))


@pytest.mark.parametrize(
    ("url", "take"),
    [
        *(("http://centre/blocks", "https://"), ("http://[2001:db8::1]/blocks", "https://")),
        *(("loki+http://10.1.2.3", "loki[+]https://"), ("nats://10.0.0.1/LOGS", "nats[+]tls://")),
        ("kafka://example.org/logs", "kafka[+]tls://"),
    ],
)
def test_no_token_leaves_the_machine_in_the_clear(url, take):
    given = TargetSettings(name="a", url=parse_ship_url(url), store="0" * 32, token="geheim")
    with pytest.raises(ConfigurationError, match=f"in the clear: take {take}"):
        make_target(given, None)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        *(("https://centre/blocks", "x"), ("http://localhost/blocks", "x")),
        *(("http://[::1]:8090/blocks", None), ("ndjson+http://10.0.0.1", None)),
        *(("nats://10.0.0.1/LOGS", "-----BEGIN NATS USER JWT-----"), ("nats://a,b/LOGS", None)),
        # The token above all tables is for others.
        ("relp://10.0.0.1:2514", "x"),
    ],
)
def test_urls_that_carry_no_secret_in_the_clear_are_allowed(url, token):
    check_encrypted(TargetSettings(name="a", url=parse_ship_url(url), store="0" * 32, token=token))


def test_blocks_do_not_leave_in_the_clear_even_without_a_token():
    url = parse_ship_url("http://centre/blocks")
    with pytest.raises(ConfigurationError, match="take https://"):
        check_encrypted(TargetSettings(name="a", url=url, store="0" * 32))


def test_the_repr_of_target_settings_hides_the_token():
    assert "geheim" not in repr(settings())
