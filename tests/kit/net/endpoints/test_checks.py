"""Names of services for ports, and arguments that are looked at before anything is opened."""

from __future__ import annotations

import re
import socket
from contextlib import chdir
from pathlib import Path

import pytest

from logsrv.kit.net.endpoints.checks import check_arguments, port_number
from logsrv.kit.net.endpoints.parse import parse_endpoint


def test_a_service_name_stands_for_its_port() -> None:
    try:
        number = socket.getservbyname("gopher", "tcp")
    except OSError:
        pytest.skip("this system has no list of services")
    assert parse_endpoint("tcp:gopher").port == number == port_number("gopher", "tcp")


def test_a_misspelt_service_name_gets_the_near_one() -> None:
    if not Path("/etc/services").exists():
        pytest.skip("this system has no list of services")
    with pytest.raises(ValueError, match="did you mean gopher"):
        parse_endpoint("tcp:gohper")


@pytest.mark.parametrize(
    ("scheme", "arguments", "sentence"),
    [
        ("tcp", {}, "tcp: has no port; 0 takes any free one"),
        ("unixgram", {}, "unixgram: has no path; write for instance unixgram:/run/log.sock"),
        ("systemd", {"index": "0"}, "systemd: has no domain; known are INET, INET6 or UNIX"),
        ("unix", {"address": "/x", "mode": "888"}, "mode=888 is no file mode"),
        ("tcp", {"port": "1", "backlog": "0"}, "backlog=0 is no number of connections"),
    ],
)
def test_an_argument_that_is_lacking_or_wrong(
    scheme: str, arguments: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        check_arguments(scheme, arguments)


def test_what_is_left_out_of_tls_has_defaults(tmp_path: Path) -> None:
    arguments = {"port": "domain"}
    (tmp_path / "server.pem").touch()
    with chdir(tmp_path):
        check_arguments("ssl", arguments)
    assert arguments == {"port": "53", "privateKey": "server.pem"}
    check_arguments("tls", {"path": str(tmp_path)})
