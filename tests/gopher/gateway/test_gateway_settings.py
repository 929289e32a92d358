"""The gateway's options."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.gateway.gateway_settings import (
    CHARSET,
    PROXY,
    ConnectionSettings,
    GopherSettings,
    check_url_or_gateway,
)
from logsrv.gopher.service import Options
from logsrv.kit.net.parse import parse_endpoint


def settings(*arguments: str) -> GopherSettings:
    options = Options()
    options.environment = {}
    options.parseOptions(["--gateway", "tcp:0", *arguments])
    return options.settings


def test_hosts_names_and_ports_can_be_repeated():
    """Hosts, names and ports can be given several times."""
    found = settings("--allow-host", "*.b.example", "--allow-host", "a.example", "--host", "GW.lan",
                     "--allow-port", "70", "--allow-port", "7000-7100", "--allow-private")  # fmt: skip
    assert found.host == ("gw.lan",)
    assert found.allow_private
    assert found.allow_host == ("*.b.example", "a.example")
    assert found.allow_port == (range(70, 71), range(7000, 7101))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--allow-host", "a b", "neither a domain name nor an address"),
        ("--allow-port", "x", "a port from 1 to 65535"),
        ("--host", "a b", "a host name"),
        ("--max-page", "lots", "a number of bytes"),
        ("--gateway", "8070", "did you mean tcp:8070"),
        ("--gateway", "udp:8070", "browsers connect; take for instance tcp:8070"),
        ("--gateway", "unixgram:/run/web", "browsers connect"),
        ("--gateway", "stdin:", "browsers connect"),
    ],
)
def test_a_wrong_value_is_a_sentence_with_right_form(option, value, said):
    """A wrong value is one sentence that says what would be right."""
    with pytest.raises(ConfigurationError, match=said):
        settings(option, value)


def test_two_ways_to_trust_are_one_too_many():
    found = GopherSettings(gateway=(parse_endpoint("tcp:8070"),), cafile=Path("ca.pem"), pin=True)
    with pytest.raises(ConfigurationError, match="choose one"):
        check_url_or_gateway(found)


def test_a_proxy_or_charset_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no SOCKS5 proxy"):
        PROXY.parse("http://x")
    with pytest.raises(ValueError, match="no character set"):
        CHARSET.parse("klingon")


def test_the_same_options_for_the_command():
    found = ConnectionSettings(charset="cp437", proxy=Proxy("h", 9), cafile=Path("f"), pin=True)
    assert found.as_command_words == [
        *("--charset=cp437", "--proxy=socks5://h:9", "--cafile=f", "--pin"),
    ]
    lenient = ConnectionSettings(insecure=True, accept_cut=True)
    assert lenient.as_command_words == ["--insecure", "--accept-cut"]
    assert ConnectionSettings().as_command_words == []


def test_by_default_only_public_addresses_are_visited_and_clients_are_limited():
    """Without options only public addresses are visited, and nobody gets everything."""
    found = settings()
    assert not (found.allow_host or found.allow_private or found.allow_port)
    assert found.max_requests_per_client < found.max_requests
    assert found.max_connections_per_peer is not None
