"""Logins at brokers of Kafka."""

from __future__ import annotations

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.out.kafka_login import kafka_login


def test_a_name_and_a_password() -> None:
    url = parse_ship_url("kafka+tls://a/logs?mechanism=scram-sha-512")
    found = kafka_login(url, "ann:ge:heim")
    assert list(found.values()) == ["SCRAM-SHA-512", "ann", "ge:heim"]
    assert kafka_login(url, None) == {}


@pytest.mark.parametrize(
    ("query", "token", "sentence"),
    [
        ("?mechanism=GSSAPI", None, "may be mechanism= and one of PLAIN"),
        ("?group=a", None, "not group"),
        ("", "geheim", "has no name and password in it"),
    ],
)
def test_all_else_is_refused(query: str, token: str | None, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as error:
        kafka_login(parse_ship_url(f"kafka+tls://a/logs{query}"), token)
    assert "geheim" not in str(error.value)
