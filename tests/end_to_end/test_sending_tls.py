"""docs/sending.md: daemons over TLS, with certificates made as the page says."""

import http.client
import re
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.record import Record
from tests.end_to_end.peers import as_stored, rsyslog, syslog_ng, texts
from tests.end_to_end.senders import DAEMONS, lines_of, make_certificates
from tests.end_to_end.test_sending import in_order, running
from tests.end_to_end.uploads import upload_journal, write_journal
from tests.parts.daemons import Logger, Start
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.store_reader import stored_lines

pytestmark = pytest.mark.long

SENT = texts()
LINES = [text.replace("\n", " ") for text in SENT]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@attrs.frozen
class Place:
    """A logger with TLS, and the files of the page for its senders.

    own: the senders must have certificates of their own.
    """

    server: Logger
    certificates: Path
    own: bool

    def page(self, name: str, printed: int, *, always: bool = False) -> str:
        """Return a file as it is written here; always: the sender has a certificate even if none is
        needed.
        """
        text = DAEMONS.file(name, (printed, self.server.port()))
        text = text.replace("/etc/ssl/logs", str(self.certificates))
        if not (self.own or always):
            text = text.replace(f" crt {self.certificates}/web1.example.net.pem", "")
            text = "".join(line for line in text.splitlines(keepends=True) if "web1" not in line)
        return text

    def check_sources(self) -> None:
        for line in stored_lines(self.server.store):
            assert line.source.startswith(b"tls:127.0.0.1:")
            assert line.source.endswith(b",dns=web1.example.net") == self.own


Listen = Callable[[str], Place]


@pytest.fixture(
    params=[
        pytest.param(True, id="own"),
        # tests/kit/net/twisted/test_certificates.py has peers without one.
        pytest.param(False, id="none", marks=pytest.mark.nightly),
    ]
)
def listening(request: pytest.FixtureRequest, logger: Start, certificates: Path) -> Listen:
    """Starts a logger for an input; it asks its senders for certificates if they have some."""

    def start(kind: str) -> Place:
        pem = certificates / "127.0.0.1.pem"
        wanted = f":clientca={certificates / 'ca.pem'}" if request.param else ""
        place = f"{kind}:ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}{wanted}"
        return Place(logger(listen=[place]), certificates, request.param)

    return start


@pytest.mark.parametrize(
    ("file", "kind", "port", "driver"),
    [
        ("relp-tls.conf", "relp", 2514, ""),
        ("tls.conf", "syslog", 6514, "ossl"),
        ("tls.conf", "syslog", 6514, "gtls"),
    ],
    ids=["RELP", "ossl", "gtls"],
)
def test_messages_of_rsyslog_over_tls_are_stored_whole(
    listening, tmp_path, file, kind, port, driver
):
    place = listening(kind)
    lines = place.page(file, port, always=kind == "relp").replace("ossl", driver).splitlines()
    modules = "\n".join(line for line in lines if line.startswith("module"))
    action = "\n".join(line for line in lines if not line.startswith("module"))
    with rsyslog(tmp_path, action, modules) as sender:
        sender.send(SENT)
        place.server.wait_until(
            lambda: place.server.current.read_bytes().count(b"app: ") >= 1000, "all"
        )
    found = [Record(line) for line in lines_of(place.server) if b" app: " in line]
    assert in_order(one.body.partition(b" app: ")[2] for one in found) == list(map(as_stored, SENT))
    place.check_sources()


def test_messages_of_syslog_ng_over_tls_are_stored_whole(listening, tmp_path):
    place = listening("syslog")
    (tmp_path / "in.log").write_text("".join(f"{text}\n" for text in LINES))
    text = place.page("tls-destination.conf", 6514)
    driver = text[text.index("{") + 1 : text.rindex("}")]
    with syslog_ng(
        tmp_path,
        f'file("{tmp_path}/in.log" flags(no-parse) read-old-records(yes) follow-freq(0.1)'
        ' log-msg-size(65536) program-override("app"));',
        driver,
    ):
        place.server.wait_until(lambda: len(lines_of(place.server)) >= 1000, "all")
    assert [Record(line).get("text") for line in lines_of(place.server)] == LINES
    place.check_sources()


def test_the_log_of_haproxy_over_tls_is_stored(listening, tmp_path):
    place = listening("syslog")
    port = free_port()
    plain = DAEMONS.file("haproxy-logs.cfg").splitlines(keepends=True)
    inside = place.page("haproxy-tls.cfg", 6514)
    text = "".join(inside if line.startswith("    server logs ") else line for line in plain)
    (tmp_path / "haproxy.cfg").write_text(
        f"{text}    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n"
        f"frontend web\n    bind 127.0.0.1:{port}\n"
        "    http-request return status 200 content-type text/plain string ok\n"
    )
    words = [program("haproxy", "haproxy"), "-db", "-f", str(tmp_path / "haproxy.cfg")]
    with running(words, tmp_path / "log", port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for number in range(1000):
            client.request("GET", f"/ok/{number}")
            assert client.getresponse().read() == b"ok"
        client.close()
        place.server.wait_until(
            lambda: place.server.current.read_bytes().count(b"/ok/") >= 1000, "all"
        )
    found = [one for one in map(Record, lines_of(place.server)) if b"/ok/" in one.body]
    assert [re.findall(r"/ok/(\d+)", str(one.get("text"))) for one in found] == [
        [str(number)] for number in range(1000)
    ]
    place.check_sources()


def test_an_upload_of_the_journal_over_tls_is_stored(listening, tmp_path):
    place = listening("journal")
    text = place.page("journal-upload-tls.conf", 19532, always=True)
    (tmp_path / "upload.conf").write_text(text)
    write_journal(tmp_path / "journal", SENT)
    upload_journal(tmp_path / "journal", tmp_path / "upload.conf")
    assert [Record(line).get("MESSAGE") for line in lines_of(place.server)] == SENT
    place.check_sources()
