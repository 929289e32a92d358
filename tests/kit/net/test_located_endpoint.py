"""The files in endpoint strings: one directory for all of them, and none in a listener's label."""

from pathlib import Path

import pytest

from logsrv.kit.inspect.inspect_settings import PLACE
from logsrv.kit.net.parse import located_endpoint, parse_endpoint
from logsrv.kit.net.remote import REMOTE
from logsrv.kit.service.service_settings import LISTEN, listen_kind
from logsrv.kit.web.endpoints import web_endpoint_kind
from logsrv.linelog.plugin.logger_settings import LISTEN as LOGGER_LISTEN

FILES = ("key.pem", "cert.pem", "chain.pem", "dh.pem", "ca.pem")
WEB = web_endpoint_kind(9100)
NAMED = listen_kind(["admin"])
CERTIFICATE = "privateKey=key.pem:certKey=cert.pem"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files, which is not the working directory."""
    found = tmp_path / "conf"
    (found / "authorities").mkdir(parents=True)
    for name in FILES:
        (found / name).touch()
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    return found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (LISTEN, f"ssl:7001:{CERTIFICATE}"),
        (LISTEN, "ssl:7001:key.pem:cert.pem"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:extraCertChain=chain.pem:dhParameters=dh.pem"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:caCertsDir=authorities"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:clientca=ca.pem:clientcert=optional"),
        (LISTEN, f"tcp:7001:{CERTIFICATE}"),
        (LISTEN, f"tcp6:7001:{CERTIFICATE}"),
        (LISTEN, f"haproxy:tcp:7001:{CERTIFICATE}"),
        (LISTEN, f"haproxy:ssl:7001:{CERTIFICATE}"),
        (LISTEN, f"unix:run.sock:{CERTIFICATE}"),
        (LISTEN, "unix:run.sock"),
        (LISTEN, "unixgram:run.sock"),
        (LISTEN, "haproxy:unix:run.sock"),
        (LISTEN, f"systemd:domain=INET:index=0:{CERTIFICATE}"),
        (LISTEN, "tls:authorities:7001"),
        (NAMED, f"admin:ssl:7001:{CERTIFICATE}"),
        (WEB, f"ssl:9100:{CERTIFICATE}"),
        (PLACE, f"ssl:9100:interface=127.0.0.1:{CERTIFICATE}"),
        (LOGGER_LISTEN, f"syslog:ssl:6514:{CERTIFICATE}:clientca=ca.pem"),
        (LOGGER_LISTEN, f"ssl:6514:{CERTIFICATE}"),
        (LOGGER_LISTEN, f"http:haproxy:ssl:6514:{CERTIFICATE}"),
        (REMOTE, f"ssl:localhost:7001:cafile=ca.pem:{CERTIFICATE}"),
        (REMOTE, "unix:run.sock"),
    ],
)
def test_each_path_of_an_endpoint_is_below_the_directory_of_its_text(folder, kind, text):
    located = repr(kind.locate(kind.parse(text), folder))
    for name in (*FILES, "run.sock", "authorities"):
        if name in text:
            assert str(folder / name) in located
    if ".pem" in text or "authorities" in text:
        with pytest.raises(ValueError, match=r"there is no (file|directory)"):
            kind.locate(kind.parse(text), Path.cwd())


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        (LISTEN, f"ssl:7001:{CERTIFICATE}", "ssl:7001"),
        (LISTEN, "ssl:7001:key.pem:interface=127.0.0.1", "ssl:7001:interface=127.0.0.1"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:clientca=ca.pem:clientcert=required", "ssl:7001"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:caCertsDir=authorities", "ssl:7001"),
        (LISTEN, f"haproxy:tcp:7001:{CERTIFICATE}", "haproxy:tcp:7001"),
        (LISTEN, "tls:authorities:7001", "tls:port=7001"),
        (LISTEN, "tcp:7001:interface=127.0.0.1", "tcp:7001:interface=127.0.0.1"),
        (LISTEN, "tcp6:7001:interface=\\:\\:1", "tcp6:7001:interface=\\:\\:1"),
        (NAMED, f"admin:ssl:7001:{CERTIFICATE}", "admin:ssl:7001"),
        (PLACE, f"ssl:9100:interface=127.0.0.1:{CERTIFICATE}", "ssl:9100:interface=127.0.0.1"),
        (PLACE, "ssh:9022:keys=keys:hostKey=key.pem", "ssh:9022"),
        (LOGGER_LISTEN, f"syslog:ssl:6514:{CERTIFICATE}", "syslog:ssl:6514"),
        (LOGGER_LISTEN, f"ssl:6514:{CERTIFICATE}", "ssl:6514"),
        (
            LOGGER_LISTEN,
            "nats:n1/LOGS:tls=yes:ca=/x\\:y.pem:part=1/2",
            "nats:n1/LOGS:tls=yes:part=1/2",
        ),
        (REMOTE, "ssl:localhost:7001:cafile=ca.pem:hostname=a", "ssl:localhost:7001:hostname=a"),
    ],
)
def test_a_label_has_no_files(folder, kind, text, label):
    assert kind.locate(kind.parse(text), folder).label == label  # type: ignore[attr-defined]


def test_a_socket_path_may_be_too_long_below_the_directory(tmp_path):
    with pytest.raises(ValueError, match="too long for a socket"):
        located_endpoint(parse_endpoint("unix:run.sock"), tmp_path / ("x" * 100))
