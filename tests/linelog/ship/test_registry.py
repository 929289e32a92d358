"""Tests for how a target is made of a URL."""

import sys
from types import ModuleType

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship import address
from logsrv.linelog.ship.address import Scheme, parse_ship_url
from logsrv.linelog.ship.registry import (
    TargetSettings,
    check_encrypted,
    kafka_login_options,
    make_target,
)


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


def test_a_target_is_made_by_the_module_of_its_scheme(scheme, monkeypatch):
    module = ModuleType("of_tests")
    module.make_target = lambda *given: given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "logsrv.linelog.ship.of_tests", module)
    made: object = make_target(settings(), "reactor")
    assert made == (settings(), "reactor")


def test_an_import_error_of_our_own_is_not_a_missing_package(scheme):
    with pytest.raises(ModuleNotFoundError):
        make_target(settings(), None)


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


def test_the_repr_of_target_settings_hides_the_token(scheme):
    assert "geheim" not in repr(settings())


def test_a_login_at_kafka_has_a_name_and_a_password():
    url = parse_ship_url("kafka+tls://a/logs?mechanism=scram-sha-512")
    found = kafka_login_options(url, "ann:ge:heim")
    assert list(found.values()) == ["SCRAM-SHA-512", "ann", "ge:heim"]
    assert kafka_login_options(url, None) == {}


@pytest.mark.parametrize(
    ("query", "token", "sentence"),
    [
        ("?mechanism=GSSAPI", None, "only mechanism= may stand, with PLAIN"),
        ("?group=a", None, "not group"),
        ("", "geheim", "has no name and password in it"),
    ],
)
def test_unknown_parameters_of_a_kafka_url_are_refused(query, token, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as error:
        kafka_login_options(parse_ship_url(f"kafka+tls://a/logs{query}"), token)
    assert "geheim" not in str(error.value)
