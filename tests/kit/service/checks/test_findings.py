"""Findings, and checks that fail themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from logsrv.kit.net.endpoints.parse import parse_endpoint
from logsrv.kit.service.checks.findings import Finding, Level, guarded, ok, place_of, warning


def test_a_check_that_fails_is_a_finding_and_hinders_no_other() -> None:
    def check() -> Iterator[Finding]:
        yield ok("disk", "is there")
        raise OSError("it burns")

    first, second = guarded("disk", check)
    assert first.level is Level.OK
    assert second == Finding(Level.ERROR, "disk", "could not be checked: OSError: it burns")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tcp:1234", "tcp:1234"),
        ("udp:514:rcvbuf=1GiB", "udp:514"),
        ("tcp:80:interface=127.0.0.1", "tcp:80 on 127.0.0.1"),
        ("unix:/run/x.sock:mode=660", "unix:/run/x.sock"),
        ("stdin:", "stdin:"),
    ],
)
def test_the_place_of_an_endpoint_is_short(text: str, place: str) -> None:
    assert place_of(parse_endpoint(text)) == place


def test_advice_may_be_missing() -> None:
    assert warning("x", "is odd").advice == ""
