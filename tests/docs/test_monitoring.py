"""The page about monitoring, its alert rules and its dashboard agree with the figures of a real service."""

import json
import re
import runpy
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from logsrv.kit import exposition
from logsrv.kit.observe.metrics import exposed_name
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.logger_services import service
from tests.parts.prometheus import ALERTS, NAME, promtool
from tests.parts.reactor import until

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "monitoring.md").read_text()
DASHBOARD = json.loads((DOCS / "monitoring" / "dashboard.json").read_text())
CATALOGUES = runpy.run_path(str(DOCS / "generate.py"))["CATALOGUES"].values()
OURS = {exposed_name(metric): metric for metric in service().metrics.catalogue}
CONTRACT = (
    "received_lines_total", "received_bytes_total", "connections_total", "connections_open",
    "connections_refused_total", "dropped_bytes_total", "datagrams_lost_total", "stored_lines_total",
    "stored_bytes_total", "pending_bytes", "write_seconds", "sync_seconds", "seal_seconds",
    "store_bytes", "store_segments", "tap_missed_lines_total",
)  # fmt: skip


async def scraped(directory: Path) -> str:
    """Return the figures of a service that has stored lines from a stream and a datagram, and
    sealed some.
    """
    logger = service(
        "--listen", f"unix:{directory}/s", "--listen", f"unixgram:{directory}/d",
        "--listen", "tcp:0:interface=127.0.0.1", "--deny", "127.0.0.0/8",
        "--directory", f"{directory}/store", "--sync", "always",
    )  # fmt: skip
    logger.startService()

    def send() -> None:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(f"{directory}/s")
            stream.sendall(b"one\ntwo\r\n\xff\xf1three")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(b"four", f"{directory}/d")
        host, port = logger.addresses[2].rsplit(":", 1)
        with socket.create_connection((host, int(port)), PATIENCE) as refused:
            refused.settimeout(PATIENCE)
            assert refused.recv(1) == b""

    await deferToThread(send)
    value = logger.metrics.value
    await until(lambda: value("stored_lines_total") == 4, "four lines")
    logger.store.rotate()
    await until(lambda: value("segments_sealed_total") == 1, "the seal")
    text, _ = exposition(logger.metrics)
    await logger.stopService()
    return text.decode()


@pytest.fixture
def scrape(tmp_path: Path) -> str:
    return str(pytest_twisted.blockon(Deferred.fromCoroutine(scraped(tmp_path))))


def found_in(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of that name by the values of their labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_a_running_service_has_every_figure_that_is_promised(scrape, tmp_path):
    for name in CONTRACT:
        assert re.search(rf"^logsrv_{name}(_bucket)?[ {{]", scrape, re.MULTILINE), name
    stream, datagrams, tcp = (
        f"unix:{tmp_path}/s",
        f"unixgram:{tmp_path}/d",
        "tcp:0:interface=127.0.0.1",
    )
    lines = found_in(scrape, "logsrv_received_lines_total")
    assert lines == {(stream,): 3, (datagrams,): 1, (tcp,): 0}
    assert found_in(scrape, "logsrv_stored_lines_total") == {(): 4}
    assert found_in(scrape, "logsrv_received_bytes_total")[(stream,)] == 16
    assert found_in(scrape, "logsrv_dropped_bytes_total")[stream, "telnet"] == 2
    assert found_in(scrape, "logsrv_connections_refused_total") == {(tcp, "denied"): 1}
    assert found_in(scrape, "logsrv_connections_failed_total")[(stream,)] == 0
    for name in ("write", "sync", "seal"):
        assert found_in(scrape, f"logsrv_{name}_seconds_count")[()] >= 1
        assert found_in(scrape, f"logsrv_{name}_seconds_sum")[()] > 0


def test_every_figure_is_explained_and_nothing_else_is():
    named = {name for name in NAME.findall(PAGE) if name.startswith("logsrv_")}
    assert named == {exposed_name(metric) for catalogue in CATALOGUES for metric in catalogue}
    assert named >= set(OURS)


def test_the_figures_that_the_page_names_of_the_process_are_there(scrape):
    for name in re.findall(r"\bprocess_[a-z_]+\b", PAGE):
        assert found_in(scrape, name), name


def queries() -> Iterator[tuple[str, str]]:
    """Yield panel and query of the dashboard, with values in place of the variables of Grafana."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$__rate_interval", "5m")
            yield panel["title"], query.replace("$job", "logsrv").replace("$instance", ".*")


def series(scrape: str) -> dict[str, set[str]]:
    """Return the names of all series and their labels, also of those without a count so far."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(scrape):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for name, metric in OURS.items():
        found.setdefault(name, set()).update(metric.labels)
    return found


def check_query(query: str, known: dict[str, set[str]]) -> None:
    names = NAME.findall(query)
    assert names or query.startswith("up{"), query
    labels = {"job", "instance"}
    for name in names:
        assert name in known, f"{name} in {query}"
        labels |= known[name]
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        assert set(group.split(", ")) <= labels, query
    for matchers in re.findall(r"\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+) *(?:=~|!~|!=|=)", matchers)) <= labels, query


def test_the_dashboard_and_the_alerts_ask_only_for_what_there_is(scrape):
    known = series(scrape)
    for _, query in queries():
        check_query(query, known)
    for query in re.findall(r"expr: (.+)", ALERTS.read_text()):
        check_query(query, known)
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            assert set(NAME.findall(variable["query"]["query"])) <= set(known)


def test_every_alert_is_on_the_page_and_is_tested():
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    tested = Path(__file__).with_name("alerts_test.yml").read_text()
    for alert in alerts:
        assert f"`{alert}`" in PAGE
        assert f"alertname: {alert}}}" in tested, f"{alert} is silent while all is well"
        assert f'alertname="{alert}"' in tested, f"{alert} fires"
    assert set(re.findall(r"`(Logsrv\w+)`", PAGE)) == set(alerts)


def test_prometheus_finds_nothing_wrong_with_the_figures(scrape):
    promtool("check", "metrics", text=scrape)


def test_prometheus_takes_the_alert_rules():
    promtool("check", "rules", "--lint-fatal", str(ALERTS))


@pytest.mark.slow
def test_each_alert_fires_when_it_should_and_only_then(tmp_path):
    rules = Path(__file__).with_name("alerts_test.yml").read_text().replace("ALERTS]", f"{ALERTS}]")
    (tmp_path / "test.yml").write_text(rules)
    promtool("test", "rules", str(tmp_path / "test.yml"))


def test_prometheus_takes_every_query_of_the_dashboard(tmp_path):
    """The queries are given as recording rules: promtool has no other way to read an expression."""
    records = [
        {"record": f"dashboard:{number}", "expr": query}
        for number, (_, query) in enumerate(queries())
    ]
    # JSON is YAML.
    path = tmp_path / "dashboard.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}))
    promtool("check", "rules", str(path))


@pytest.mark.parametrize("config", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_prometheus_takes_the_configurations_of_the_page(config, tmp_path):
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "alerts.yml").write_bytes(ALERTS.read_bytes())
    promtool("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))
