"""docs/sending.md: daemons that send as the page says, plain and over TLS with the page's certificates."""

import http.client
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.parsed_line import ParsedLine
from tests.end_to_end.peers import as_stored, from_file, rsyslog, running, syslog_ng, texts
from tests.end_to_end.senders import DAEMONS, HOST, SENDING, lines_of, make_certificates
from tests.end_to_end.uploads import upload_journal, write_journal
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger, Start
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.store_reader import stored_lines

pytestmark = pytest.mark.long

SENT = texts()
LINES = [text.replace("\n", " ") for text in SENT]
CONNECT = "logsrv.cli.main connect"
# How a sender comes: plain, with a certificate of its own, or without one.
PLAIN, OWN, NONE = "plain", "own", "none"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@attrs.frozen
class Place:
    """A logger, and the files of the page for its senders."""

    server: Logger
    certificates: Path
    way: str

    def page(self, names: tuple[str, str], ports: tuple[int, int], *, always: bool = False) -> str:
        """Return the plain file or the one for TLS, as it is written here.

        always: the sender has a certificate even if none is needed.
        """
        name, printed = names[self.way != PLAIN], ports[self.way != PLAIN]
        text = DAEMONS.file(name, (printed, self.server.port()))
        text = text.replace("/etc/ssl/logs", str(self.certificates))
        if self.way == NONE and not always:
            text = text.replace(f" crt {self.certificates}/web1.example.net.pem", "")
            text = "".join(line for line in text.splitlines(keepends=True) if "web1" not in line)
        return text

    def records(self, mark: bytes) -> list[ParsedLine]:
        """Wait for 1,000 records with these bytes; check their sources."""
        self.server.wait_until(lambda: self.server.current.read_bytes().count(mark) >= 1000, "all")
        for line in stored_lines(self.server.store):
            begin = b"tcp:127.0.0.1:" if self.way == PLAIN else b"tls:127.0.0.1:"
            assert line.source.startswith(begin)
            assert line.source.endswith(b",dns=web1.example.net") == (self.way == OWN)
        return [ParsedLine(line) for line in lines_of(self.server) if mark in line]


Listen = Callable[[str], Place]


# tests/kit/net/test_certificates.py has peers without a certificate.
@pytest.fixture(params=[PLAIN, OWN, pytest.param(NONE, marks=pytest.mark.nightly)])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def listening(way: str, logger: Start, certificates: Path) -> Listen:
    """Starts a logger for an input; over TLS it asks its senders for certificates if they have some."""

    def start(kind: str) -> Place:
        place = f"{kind}:tcp:0:interface=127.0.0.1"
        if way != PLAIN:
            pem = certificates / "127.0.0.1.pem"
            wanted = f":clientca={certificates / 'ca.pem'}" if way == OWN else ""
            place = f"{kind}:ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}{wanted}"
        return Place(logger("--sync", "always", listen=[place]), certificates, way)

    return start


def in_order(bodies: Iterable[bytes]) -> list[bytes]:
    """Return the messages of rsyslog in the order of their numbers."""
    return sorted(bodies, key=lambda body: int(body.split()[1]))


@pytest.mark.parametrize(
    ("kind", "files", "ports", "driver"),
    [
        ("relp", ("relp.conf", "relp-tls.conf"), (2514, 2514), ""),
        ("syslog", ("tcp.conf", "tls.conf"), (514, 6514), "ossl"),
        ("syslog", ("tcp.conf", "tls.conf"), (514, 6514), "gtls"),
    ],
    ids=["relp", "ossl", "gtls"],
)
def test_messages_of_rsyslog_are_stored_whole(listening, tmp_path, kind, files, ports, driver):
    """Messages of several lines and of 20 KB."""
    place = listening(kind)
    text = place.page(files, ports, always=kind == "relp").replace("ossl", driver)
    lines = text.splitlines()
    modules = "\n".join(line for line in lines if line.startswith("module"))
    action = "\n".join(line for line in lines if not line.startswith("module"))
    with rsyslog(tmp_path, action, modules) as sender:
        # The configuration of the test has the global settings of the page too.
        configured = (tmp_path / "rsyslog.conf").read_text()
        assert all(word in configured for word in DAEMONS.files["global.conf"][7:-2].split())
        sender.send(SENT)
        found = place.records(b" app: ")
    # Messages in the disk queue of rsyslog come later than those in memory.
    assert in_order(one.body.partition(b" app: ")[2] for one in found) == list(map(as_stored, SENT))
    assert {(one.get("app"), one.level) for one in found} == {("app", "notice")}


def test_messages_of_syslog_ng_are_stored_whole(listening, tmp_path):
    place = listening("syslog")
    page = place.page(("destination.conf", "tls-destination.conf"), (514, 6514))
    driver = page[page.index("{") + 1 : page.rindex("}")]
    with syslog_ng(tmp_path, from_file(tmp_path, LINES), driver):
        found = place.records(b"number ")
    assert [one.get("text") for one in found] == LINES
    assert {(one.get("app"), one.level) for one in found} == {("app", "notice")}


def test_the_log_of_haproxy_is_stored(listening, way, tmp_path):
    place = listening("syslog")
    port = free_port()
    text = DAEMONS.file("haproxy-logs.cfg", (514, place.server.port()))
    if way != PLAIN:
        inside = place.page(("", "haproxy-tls.cfg"), (0, 6514))
        plain = DAEMONS.file("haproxy-logs.cfg").splitlines(keepends=True)
        text = "".join(inside if line.startswith("    server logs ") else line for line in plain)
    (tmp_path / "haproxy.cfg").write_text(
        f"{text}    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n"
        f"frontend web\n    bind 127.0.0.1:{port}\n    capture request header User-Agent len 12000\n"
        "    http-request return status 200 content-type text/plain string ok\n"
    )
    words = [program("haproxy", "haproxy"), "-db", "-f", str(tmp_path / "haproxy.cfg")]
    sent = [text[:10_000] for text in LINES]
    with running(words, tmp_path / "log", port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for number, text in enumerate(sent):
            client.request("GET", f"/ok/{number}", headers={"User-Agent": text.encode()})
            assert client.getresponse().read() == b"ok"
        client.close()
        found = place.records(b"/ok/")
    for number, (one, text) in enumerate(zip(found, sent, strict=True)):
        encoded = re.sub(
            "[^ -~]", lambda found: "".join(f"#{b:02X}" for b in found[0].encode()), text
        )
        assert str(one.get("text")).endswith(f'{{{encoded}}} "GET /ok/{number} HTTP/1.1"')
    assert {(one.get("app"), one.level) for one in found} == {("haproxy", "info")}


def test_an_upload_of_the_journal_continues_after_its_last_entry(listening, tmp_path):
    """A second upload begins where the first one ended."""
    place = listening("journal")
    names = ("journal-upload.conf", "journal-upload-tls.conf")
    (tmp_path / "upload.conf").write_text(place.page(names, (19532, 19532), always=True))
    write_journal(tmp_path / "journal", SENT)
    for _ in range(2):
        upload_journal(tmp_path / "journal", tmp_path / "upload.conf")
    found = place.records(b"MESSAGE")
    # systemd 252 sends the last entry again when none follows it.
    assert [one.get("MESSAGE") for one in found] in (SENT, [*SENT, SENT[-1]])
    assert {(one.get("app"), one.get("hostname"), one.level) for one in found} == {
        ("shop", "web1", "warning")
    }


@pytest.mark.parametrize("file", ["tls-line.sh", "tls-line-openssl.sh"])
def test_the_first_line_over_tls_is_sent_and_the_command_ends(logger, tmp_path, file):
    """openssl alone never ended in a pipe."""
    program("openssl", "openssl")

    def run(name: str, *changes: tuple[str, str]) -> None:
        script = DAEMONS.files[name].replace(HOST, "localhost")
        for old, new in changes:
            script = script.replace(old, new)
        subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, timeout=PATIENCE)

    run("certificates.sh")
    pem, ca = tmp_path / "localhost.pem", tmp_path / "ca.pem"
    place = f"syslog:ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}:clientca={ca}"
    server = logger("--sync", "always", listen=[place])
    run(file, ("6514", str(server.port())), ("logsrv connect", f"{sys.executable} -m {CONNECT}"))
    server.wait_until(lambda: b"hello over TLS" in server.current.read_bytes(), "the line")
    [line] = stored_lines(server.store)
    assert re.fullmatch(rb"tls:127.0.0.1:[0-9]+,dns=web1.example.net", line.source)
    [asked] = re.findall("^    logsrv (search .*TLS')$", SENDING, re.MULTILINE)
    assert b"hello over TLS" in logsrv(*shlex.split(asked), "-d", str(server.store)).stdout
