"""Tests for the addresses of targets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.ship.address import MISSING, PLUGINS, parse_ship_url
from logsrv.linelog.ship.ship_settings import TARGET_NAME
from logsrv.linelog.ship.targets.target_plugin import ShipURL
from twisted import plugins

SCHEMES = PLUGINS.schemes()


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("https://centre.example.org/blocks", "centre.example.org", 443, "/blocks"),
        ("http://127.0.0.1:9000/logs/blocks/", "127.0.0.1", 9000, "/logs/blocks"),
        ("relp://[::1]:2514", "::1", 2514, ""),
        ("syslog+tls://logs", "logs", 6514, ""),
        ("file:///srv/logs/archive", "", 0, "/srv/logs/archive"),
        ("Loki+HTTP://loki:3100/loki/api/v1/push", "loki", 3100, "/loki/api/v1/push"),
    ],
)
def test_a_ship_url_is_read_as_host_port_path(text, host, port, path):
    url = parse_ship_url(text)
    assert (url.host, url.port, url.path, str(url)) == (host, port, path, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("relp://logs", "names no port"),
        ("relp://logs:0", "names no port"),
        ("relp://logs:x", "its port is not a number"),
        ("relp://logs:65536", "its port is not a number"),
        ("relp:logs:2514", "has no ://"),
        ("rlep://logs:1", "did you mean relp?"),
        ("https://logs/other", "ends in /blocks; lines as JSON go by ndjson+https"),
        ("https://me:secret@logs/blocks", "--ship-token-file"),
        ("https://logs/blocks#2", "a #"),
        ("https:///blocks", "names no host"),
        ("https://logs/blo cks", "printable ASCII"),
        ("https://[::1/blocks", "Invalid"),
        ("file://srv/archive", "three slashes"),
        ("file:///srv/../etc", "has no"),
        ("nats://n1", "names no stream, such as nats://n1/LOGS"),
        ("es+https://h/", "names no index, such as es+https://h/logs-logsrv-default"),
        ("es+https://h/_bulk/", "names no index"),
        ("nats://n1/LO.GS", "names no stream"),
        ("nats://n1,,n2/LOGS", "names no host"),
        ("nats://n1,me:geheim@n2/LOGS", "--ship-token-file"),
        ("nats://n1,n2:0/LOGS", "names no port"),
        ("kafka://b1,b2/", "names no topic, such as kafka://b1/logs"),
        ("kafka://b1/..", "names no topic"),
        ("https://n1,n2/blocks", "names several hosts, and https: takes one"),
        ("", "printable ASCII"),
    ],
)
def test_a_wrong_address_is_refused_with_a_sentence(text, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        parse_ship_url(text)


def test_a_password_is_never_repeated():
    with pytest.raises(ValueError, match="password") as caught:
        parse_ship_url("https://me:geheim@logs/blocks")
    assert "geheim" not in str(caught.value)


def test_http_and_nats_take_blocks_and_archives_take_segments():
    taking = {name for name, plugin in SCHEMES.items() if plugin.takes == "blocks"}
    assert taking == {"http", "https", "nats", "nats+tls"}
    archives = {"file", "s3", "gs", "az"}
    taking = {name for name, plugin in SCHEMES.items() if plugin.takes == "segments"}
    assert taking == {*archives, *(f"lake+{name}" for name in archives)}


def test_an_archive_is_named_by_its_path():
    url = parse_ship_url("file:///srv/logs/archive/")
    assert url.loggable_url == "file:///srv/logs/archive"
    assert url.default_name == "file-srv-logs-archive"
    assert url.takes == "segments"


def test_an_archive_may_be_in_a_bucket():
    url = parse_ship_url("s3://logs/edges?endpoint=https://s3.example.org&region=eu-central-1")
    assert (url.takes, url.host, url.path) == ("segments", "logs", "/edges")
    assert url.loggable_url == "s3://logs/edges"
    assert url.default_name == "s3-logs-edges"
    with pytest.raises(ValueError, match="names no bucket"):
        parse_ship_url("s3://key:secret@logs/edges")


def test_a_stream_may_have_several_servers():
    url = parse_ship_url("nats+tls://n1.example.net,10.0.0.2:5000,[::1]/LOGS?user=edge")
    assert url.servers == (("n1.example.net", 4222), ("10.0.0.2", 5000), ("::1", 4222))
    assert (url.path, url.takes, url.tls) == ("/LOGS", "blocks", True)
    assert url.loggable_url == "nats+tls://n1.example.net:4222,10.0.0.2:5000,[::1]:4222"


def test_parameters_are_those_behind_the_question_mark():
    url = parse_ship_url("loki+http://loki:3100/push?label=a%20b&empty=")
    assert url.query_parameters == {"label": "a b", "empty": ""}


def test_a_log_never_has_the_path_of_an_address():
    url = parse_ship_url("ndjson+https://[2001:db8::1]/hook/s3cret?key=x")
    assert url.loggable_url == "ndjson+https://[2001:db8::1]:443"


@given(
    st.sampled_from(sorted(SCHEMES)),
    st.text("abcxyzABC.-_~%!*'", min_size=1, max_size=80),
    st.integers(1, 65535),
)
def test_each_address_has_a_name_that_can_be_one_of_a_file(scheme, host, port):
    url = ShipURL("", scheme, host, port, "", plugin=SCHEMES[scheme])
    assert TARGET_NAME.parse(url.default_name) == url.default_name


THEIRS = """
from logsrv.linelog.ship.targets.target_plugin import Scheme, TargetPlugin
theirs = TargetPlugin(
    name="theirs", reference="theirs:Theirs", schemes={"relp": Scheme(1), "theirs": Scheme(2)}
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files of plugins."""
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    return tmp_path


def test_a_plugin_of_others_cannot_take_a_scheme_of_ours(folder):
    (folder / "theirs_of_tests.py").write_text(THEIRS)
    assert parse_ship_url("theirs://far").port == 2
    assert parse_ship_url("relp://far:2514").plugin.name == "relp"
    with pytest.raises(ValueError, match="relp://far:2514"):
        parse_ship_url("relp://far")


def test_the_target_of_a_broken_plugin_is_left_out_and_none_of_ours(folder):
    (folder / "broken_of_tests.py").write_text("import nothing_there")
    url = parse_ship_url("parcels://far:7000/room?token=geheim")
    assert url.plugin is MISSING
    assert (url.loggable_url, url.default_name, url.tls) == (
        *("parcels://far:7000", "parcels-far-7000"),
        False,
    )
    assert parse_ship_url("relp://far:2514").plugin is not MISSING


@pytest.mark.slow
def test_finding_the_targets_imports_none_of_their_work():
    looking = (
        "import sys; from logsrv.linelog.ship.address import PLUGINS; PLUGINS.ours();"
        "print([name for name in sys.modules if name.endswith('_target')"
        " or name in ('nats', 'confluent_kafka', 'obstore')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", looking], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == b"[]\n"
