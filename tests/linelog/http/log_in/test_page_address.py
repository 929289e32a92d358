"""The address of the page is one that a browser of this machine can open."""

import pytest

from logsrv.kit.net.parse import parse_endpoint
from logsrv.linelog.http.log_in.page_address import page_address


def url(*texts: str, names: tuple[str, ...] = ()) -> str | None:
    found = page_address(map(parse_endpoint, texts), names)
    return None if found is None else found.url


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("tcp:8080:interface=127.0.0.1", "http://127.0.0.1:8080"),
        ("tcp:8080:interface=localhost", "http://localhost:8080"),
        ("tcp:80:interface=127.0.0.1", "http://127.0.0.1"),
        ("tcp:8080", "http://127.0.0.1:8080"),
        ("tcp:8080:interface=192.0.2.7", "http://192.0.2.7:8080"),
        ("tcp6:8080", "http://[::1]:8080"),
        ("tcp:8080:interface=\\:\\:1", "http://[::1]:8080"),
        ("ssl:443:privateKey=k.pem", "https://localhost"),
        ("unix:/run/web", None),
        ("tcp:0:interface=127.0.0.1", None),
        ("systemd:domain=INET:index=0", None),
        ("haproxy:tcp:8080", None),
    ],
)
def test_the_address_of_an_endpoint(endpoint, address):
    assert url(endpoint) == address


def test_the_first_endpoint_that_can_be_opened_counts():
    assert url("unix:/run/web", "tcp:8081:interface=127.0.0.1") == "http://127.0.0.1:8081"
    assert url() is None


def test_with_tls_the_name_is_that_of_the_certificate():
    assert url("ssl:8443:privateKey=k", names=("logs.lan",)) == "https://logs.lan:8443"
    assert url("tcp:8080", names=("logs.lan",)) == "http://127.0.0.1:8080"
