"""docs/sending.md: daemons with the lines of the page, and 1,000 records of each, stored once and whole."""

import http.client
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.parsed_line import ParsedLine
from tests.end_to_end.peers import as_stored, running, syslog_ng, texts
from tests.end_to_end.senders import DAEMONS, SENDING, lines_of
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger
from tests.parts.ports import free_port
from tests.parts.programs import missing, program

pytestmark = pytest.mark.long

SENT = texts()
LINES = [text.replace("\n", " ") for text in SENT]
TRIED = {
    "relp.conf", "tcp.conf", "global.conf", "destination.conf", "http-destination.conf",
    "nginx-logs.conf", "haproxy-logs.cfg",
    "postgresql-logs.conf", "postgresql-errors.sh", "journal-upload.conf",
}  # fmt: skip

# Files of the page for more than one sender.
GENERAL = {"tls", "in-the-place-of-rsyslog", "programs", "programs-inside-tls"}
LANGUAGES = {"python", "node", "go", "java", "php", "ruby", "perl", "shell"}


def records(server: Logger, count: int) -> list[ParsedLine]:
    server.wait_until(lambda: len(lines_of(server)) >= count, f"{count} records")
    return [ParsedLine(line) for line in lines_of(server)]


def test_syslog_ng_over_http(logger, tmp_path):
    """Messages of several lines and of 20 KB are stored whole and acknowledged."""
    server = logger("--sync", "always", listen=["http:tcp:0:interface=127.0.0.1"])
    page = DAEMONS.file("http-destination.conf", (8088, server.port()))
    driver = page[page.index("{") + 1 : page.rindex("}")]
    if not any(module_of_syslog_ng("libhttp.so")):
        missing("syslog-ng cannot send HTTP (Debian: apt install syslog-ng-mod-http)")
    place = tmp_path / "socket"
    with syslog_ng(tmp_path, f'unix-dgram("{place}" log-msg-size(65536));', driver):
        wait_until(place.exists, "its socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(place))
            for text in SENT:
                sender.send(f"<13>Nov 20 06:18:42 app: {text}".encode())
        found = records(server, 1000)
    assert [one.get("fields.message") for one in found] == SENT
    assert {(one.get("app"), one.level) for one in found} == {("app", "notice")}


def module_of_syslog_ng(name: str) -> Iterator[Path]:
    """Return the paths of a module of syslog-ng, beside the program of .ci/peers.sh."""
    wrapper = Path(program("syslog-ng", "syslog-ng-core"))
    return wrapper.parent.parent.rglob(f"syslog-ng/*/{name}")


def test_access_and_error_log_of_nginx_are_stored(logger, tmp_path):
    nginx = program("nginx", "nginx-light")
    server = logger(listen=["syslog:udp:0:interface=127.0.0.1:rcvbuf=8MiB"])
    port = free_port()
    logs = DAEMONS.file("nginx-logs.conf", (514, server.port()))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\n{places}large_client_header_buffers 4 64k;\nkeepalive_requests 10000;\n{logs}\n"
        f"server {{ listen 127.0.0.1:{port}; root /nonexistent; location /ok/ {{ return 200 ok; }} }}\n}}\n"
    )
    with running([nginx, "-c", str(tmp_path / "nginx.conf")], tmp_path / "log", port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for number, text in enumerate(LINES):
            client.request("GET", f"/ok/{number}", headers={"User-Agent": text.encode()})
            assert client.getresponse().read() == b"ok"
        client.request("GET", "/missing")
        client.getresponse().read()
        client.close()
        # The last request also has a line in the error log.
        found = records(server, 1002)
    access = [one for one in found if str(one.get("path")).startswith("/ok/")]
    assert [one.get("agent") for one in access] == LINES
    assert [one.get("path") for one in access] == [f"/ok/{number}" for number in range(1000)]
    assert {(one.get("app"), one.get("status"), one.level) for one in access} == {
        ("nginx", 200, "info")
    }
    [error] = [one for one in found if one.level == "error"]
    assert error.get("app") == "nginx" and "/nonexistent/missing" in str(error.get("text"))


# A private /dev, with the socket of the test as /dev/log.
OWN_DEV = """
    mkdir $1/dev
    mount --rbind /dev $1/dev
    mount -t tmpfs -o mode=755 none /dev
    for name in null zero random urandom; do touch /dev/$name; mount --bind $1/dev/$name /dev/$name; done
    mkdir /dev/shm
    mount -t tmpfs -o mode=1777 none /dev/shm
    ln -s $2 /dev/log
    shift 2
    exec setpriv --reuid postgres --regid postgres --clear-groups "$@"
"""


def test_the_log_of_postgresql_is_stored(logger):
    """PostgreSQL stands for every program that calls syslog(3)."""
    if os.getuid():
        missing("needs root, for a /dev of its own")
    unshare = program("unshare", "util-linux")
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not homes:
        missing("PostgreSQL is not installed (Debian: apt install postgresql-15)")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as place:
        home, data = Path(place), Path(place) / "data"
        home.chmod(0o777)
        server = logger(listen=[f"syslog:unixgram:{home}/log:mode=666"])
        as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        subprocess.run(
            [*as_user, str(homes[-1].parent / "initdb"), "-A", "trust", "-E", "UTF8", "-D", str(data)],
            check=True, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        with (data / "postgresql.conf").open("a") as file:
            file.write(DAEMONS.file("postgresql-logs.conf"))
        (home / "mounts").mkdir()
        sql = "".join(
            f"DO $x$ BEGIN RAISE LOG USING MESSAGE = $y${text}$y$; END $x$;\n" for text in SENT
        )
        sql += "DO $x$ BEGIN RAISE WARNING 'look out'; END $x$;\nSELECT 1/0;\n"
        done = subprocess.run(
            [
                unshare, "-m", "sh", "-ec", OWN_DEV, "sh", str(home / "mounts"), f"{home}/log",
                str(homes[-1]), "--single", "-j", "-D", str(data), "postgres",
            ],
            input=sql.replace(";\n", ";\n\n"), capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        server.wait_until(lambda: b"ERROR:  division by zero" in server.current.read_bytes(), "all")
    found = [one for one in map(ParsedLine, lines_of(server)) if b"LOG:  number" in one.body]
    stored = [re.split(r"LOG:  |\\x0a\[\d+\] CONTEXT:", str(one.get("text")))[1] for one in found]
    assert stored == [as_stored(text).decode().replace("\\x0a", "\\x0a\t") for text in SENT]
    assert {(one.get("app"), one.get("facility"), one.level) for one in found} == {
        ("postgres", "local0", "info")
    }
    [query] = re.findall(r"logsrv search '(.*)'", DAEMONS.file("postgresql-errors.sh"))
    [error] = logsrv("search", query, "--directory", str(server.store)).stdout.splitlines()
    assert b"ERROR:  division by zero" in error


def test_what_the_page_says_was_tried():
    """Each row of the table leads to a section, and says rightly whether it has a test."""
    table = SENDING.partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    sections = set(re.findall(r"^###? (.*)$", SENDING, re.MULTILINE))
    named: dict[str, str] = {}
    for sender, way, tried in rows:
        for anchor in re.findall(r"\(#(.*?)\)", sender + way):
            named[anchor] = tried
    anchors = {name.lower().replace(" ", "-") for name in sections}
    assert set(named) == anchors - {"programs-inside-tls"}
    assert set(DAEMONS.files) >= TRIED
    by_test = {
        anchor for anchor, tried in named.items() if tried.startswith("by ") and "test" in tried
    }
    assert by_test - GENERAL - LANGUAGES == {
        *("rsyslog", "syslog-ng", "programs-that-call-syslog", "the-journal"),
        *("nginx", "haproxy", "postgresql"),
    }
    assert by_test >= LANGUAGES
