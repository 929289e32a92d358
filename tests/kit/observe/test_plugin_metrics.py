"""Names of metrics in Prometheus: the plugin's before an author's, `logsrv_` before ours."""

import pytest

from logsrv.kit import Durations, LineProtocol, Metric, exposition, protocol_plugin
from logsrv.kit.testing import MemoryService


class Imap(LineProtocol):
    def connection_made(self) -> None:
        metrics = self.service.metrics
        metrics.declare(Metric("logins", "counter", "Logins."))
        metrics.count("logins")
        metrics.count("imapd_errors_total")
        metrics.count("imapdx_errors_total")
        metrics.watch("mailboxes", lambda: 3)
        metrics.time("search_seconds", Durations())
        metrics.count("logsrv_mails_total", kind="new")


IMAPD = protocol_plugin("imapd", Imap)


@pytest.mark.parametrize(
    "line",
    [
        "imapd_logins_total 1.0",
        "imapd_errors_total 1.0",
        "imapd_imapdx_errors_total 1.0",
        "imapd_mailboxes 3.0",
        "imapd_search_seconds_count 0.0",
        'imapd_logsrv_mails_total{kind="new"} 1.0',
        'logsrv_connections_total{listener="tcp:7000"} 1.0',
        'logsrv_received_bytes_total{listener="tcp:7000"} 0.0',
        'logsrv_connections_failed_total{listener="tcp:7000"} 0.0',
    ],
)
def test_a_name_in_prometheus_begins_with_its_owner(line):
    service = MemoryService(IMAPD)
    service.connect()
    assert line in exposition(service.service.metrics)[0].decode().splitlines()
