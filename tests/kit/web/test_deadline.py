"""The end of an exchange by a blocking client."""

import http.client
import threading

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.web.deadline import ConnectionDeadline, ExchangeTooSlow
from tests.parts.strangers import endless, stranger


@pytest.mark.slow
def test_endless_headers_end_at_the_deadline():
    with stranger(endless(b"HTTP/1.1 100 Continue\r\n\r\n")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/")
        with pytest.raises(ExchangeTooSlow), ConnectionDeadline(lambda: connection, 0.5):
            connection.getresponse()
        connection.close()


def test_an_exchange_in_time_is_left_alone():
    with stranger(lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with ConnectionDeadline(lambda: connection, 600.0):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
        with pytest.raises(KeyError), ConnectionDeadline(lambda: connection, 600.0):
            raise KeyError
        connection.close()


def test_a_deadline_before_a_connection_is_harmless():
    asked = threading.Event()
    with pytest.raises(ExchangeTooSlow), ConnectionDeadline(asked.set, 0.001):  # type: ignore[arg-type]
        assert asked.wait(PATIENCE)
