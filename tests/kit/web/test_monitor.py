"""/metrics, /healthz and /readyz, to a client in memory."""

import json
import subprocess
import sys
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.web.channel import WebFactory
from logsrv.kit.web.monitor import Monitor


class Watched:
    """A service that is watched, and a client of its monitor."""

    def __init__(self, interface: str = "127.0.0.1") -> None:
        self.metrics = Metrics()
        self.troubles: list[str] = []
        self.closed: list[str] = []
        self.interface = interface
        monitor = Monitor(
            self.metrics, unhealthy=lambda: self.troubles, unready=lambda: self.closed
        )
        self._factory = WebFactory(monitor.handle, Clock(), "metrics", GuardPolicy())

    def ask(self, path: str, method: str = "GET", *headers: str) -> tuple[int, Any]:
        """The status and the body, as JSON if it is that."""
        transport = StringTransport(IPv4Address("TCP", self.interface, 9100))
        channel: Any = self._factory.buildProtocol(None)
        channel.makeConnection(transport)
        given = headers or ("Host: localhost:9100",)
        content = "12345" if "Content-Length: 5" in headers else ""
        asked = "\r\n".join([f"{method} {path} HTTP/1.1", *given, "", content])
        channel.dataReceived(asked.encode())
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.head = head.decode().lower()
        status = int(self.head.split()[1])
        return status, json.loads(body) if body and "application/json" in self.head else body


def test_metrics_healthz_and_readyz_are_answered():
    watched = Watched()
    watched.metrics.count("jokes_told_total", kind="pun")
    status, said = watched.ask("/metrics")
    assert status == 200 and b'logsrv_jokes_told_total{kind="pun"} 1.0' in said
    assert "content-type: text/plain; version=0.0.4" in watched.head
    for path in ("/healthz", "/readyz", "/healthz?verbose=1"):
        assert watched.ask(path) == (200, {"status": "ok"})
    watched.troubles, watched.closed = ["the pump is dry", "so is the well"], ["stopping"]
    assert watched.ask("/healthz") == (503, {"error": "the pump is dry; so is the well"})
    assert watched.ask("/readyz") == (503, {"error": "stopping"})
    assert watched.ask("/healthz", "HEAD") == (503, b"")


@pytest.mark.slow
def test_a_request_imports_nothing():
    """When it comes, root's rights are gone, and Python's modules may be where only root can read."""
    asked = (
        "import sys; from logsrv.kit.observe.metrics import Metrics; "
        "from logsrv.kit.web.monitor import Monitor; "
        "monitor = Monitor(Metrics(), unhealthy=list, unready=list); before = set(sys.modules); "
        "[monitor.answer(path) for path in ('/metrics', '/healthz', '/readyz')]; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == "[]\n"


def test_a_sentence_of_a_stranger_forges_nothing():
    watched = Watched()
    watched.troubles = ["\x1b[2J\r\nSet-Cookie: a=b"]
    assert watched.ask("/healthz") == (503, {"error": "\\x1b[2J\\x0d\\x0aSet-Cookie: a=b"})


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/", "GET", (), 404),
        ("/metrics/", "GET", (), 404),
        ("/metrics", "POST", (), 405),
        ("/metrics", "GET", ("Host: localhost", "Content-Length: 5"), 413),
        ("/metrics", "GET", ("Host: evil.example",), 403),
        ("/metrics", "GET", ("Host: localhost", "Host: localhost"), 400),
        ("/metrics", "GET", ("Accept: text/plain",), 400),
        ("/healthz", "CONNECT", (), 405),
    ],
)
def test_each_request_has_its_status(path, method, headers, status):
    watched = Watched()
    found, said = watched.ask(path, method, *headers)
    assert found == status
    assert status == 200 or set(said) == {"error"}
    assert "content-security-policy: default-src 'none'" in watched.head


def test_elsewhere_than_on_loopback_it_has_the_names_that_others_give_it():
    assert Watched("192.0.2.7").ask("/metrics", "GET", "Host: shout.example.org:9100")[0] == 200


def test_a_failure_of_ours_is_logged_and_told_without_its_details():
    watched = Watched()
    watched.metrics.read = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with capturedLogs() as events:
        status, said = watched.ask("/metrics")
    assert status == 500 and "division" not in said["error"]
    assert "log_failure" in events[0]
