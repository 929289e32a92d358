"""What another user of the machine may do: each row of the table in SECURITY.md is tried as nobody."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.net.peer_user import tells_users
from logsrv.linelog.commands import serve_command
from logsrv.linelog.http.endpoints import ENDPOINTS
from tests.end_to_end.web_daemon import HTTP, TOKEN, send
from tests.parts.daemons import LOOPBACK, Logger, Start, Twistd, starting
from tests.parts.modules import ROOT
from tests.parts.other_user import NEEDED, OpenSocket, attempts, get, open_sockets
from tests.parts.users import nobody, open_directory

pytestmark = NEEDED
told = pytest.mark.skipif(not tells_users(), reason="this system does not tell users")

SECRET = "a-secret-line"
# What a stranger may try at any port: the page, the operator's commands, formats of senders.
PROBES = (
    get("/"),
    get("/api/search?q=secret"),
    get("/metrics"),
    "status\r\nconnections\r\nlog critical\r\npython\r\nquit\r\n",
    "\r\n\r\n",
    "1 open 85 relp_version=0\nrelp_software=x\ncommands=syslog\n",
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that a stranger may enter: only the rights of what is in it keep him out."""
    with open_directory() as path:
        yield path


@pytest.fixture
def logger(home: Path) -> Iterator[Start]:
    with starting(home) as start:
        yield start


def refused(outcome: str) -> bool:
    return outcome == "refused: PermissionError"


def files_of(server: Logger) -> list[str]:
    return [str(path) for path in server.store.rglob("*") if path.is_file()]


def test_files_of_the_store_and_current_log_are_of_its_user_and_group(logger):
    """The directory of the store is 0750, so nothing in it is reached, whatever its own mode."""
    server = logger()
    send(server, SECRET)
    tries = [(what, str(server.store), "") for what in ("list", "create")]
    for file in [str(server.current), *files_of(server)]:
        tries += [("read", file, ""), ("append", file, "forged\n"), ("remove", file, "")]
    assert all(map(refused, attempts(*tries)))
    # Another mode of the directory, of an operator: the files are not his to read then either.
    server.store.chmod(0o755)
    tries = [(what, file, "") for file in files_of(server) for what in ("read", "append", "remove")]
    assert all(map(refused, attempts(*tries)))
    assert server.messages() == [SECRET.encode()]


@told
def test_the_page_on_loopback_shows_a_stranger_nothing_but_health(logger):
    server = logger(*HTTP)
    send(server, SECRET)
    port = server.ports()[-1]
    shut = [one.path for one in ENDPOINTS if not one.open]
    for said in attempts(*(("tcp", port, get(path)) for path in ["/", "/board", "/alerts", *shut])):
        assert said.startswith("HTTP/1.1 403 ") and SECRET not in said
    health, ready = attempts(*(("tcp", port, get(path)) for path in ("/healthz", "/readyz")))
    assert health.endswith('{"status": "ok"}\n') and ready.endswith('{"status": "ok"}\n')


def test_the_page_on_a_unix_socket_is_for_user_and_group(logger, home):
    server = logger("--http", f"unix:{home}/web")
    send(server, SECRET)
    assert attempts(("unix", f"{home}/web", get("/"))) == ["refused: PermissionError"]


def test_metrics_on_loopback_are_numbers_and_names_of_the_configuration(logger, home):
    """Prometheus is another user of the machine, too. No line, no field of a line, no sender's address."""
    (home / "config.toml").write_text(
        f'metrics = "{LOOPBACK}"\nship = "relp://127.0.0.1:9"\n'
        f'[[listener]]\nname = "shop"\nlisten = "{LOOPBACK}"\n'
        '[[alerts]]\nalert = "user=zebulon"\nalert-command = "true"\n'
    )
    server = logger("--config", str(home / "config.toml"), listen=())
    send(server, f"{SECRET} user=zebulon")
    (said,) = attempts(("tcp", server.ports()[-1], get("/metrics")))
    assert said.startswith("HTTP/1.1 200 ") and 'listener="shop@tcp:' in said
    assert not re.search(f"{SECRET}|zebulon|tcp:127.0.0.1:\\d{{5}}\\b(?!:)", said)
    names = {
        name for labels in re.findall(r"\{(.*?)\}", said) for name in re.findall(r'(\w+)="', labels)
    }
    assert names <= {
        *("listener", "reason", "kind", "target", "alert", "status", "le", "quantile"),
        *("generation", "implementation", "major", "minor", "patchlevel", "version", "python"),
    }
    server.stop()


def test_metrics_on_a_unix_socket_are_for_user_and_group(logger, home):
    server = logger("--metrics", f"unix:{home}/metrics")
    assert attempts(("unix", f"{home}/metrics", get("/metrics"))) == ["refused: PermissionError"]
    assert server.pid


def test_an_inspector_on_a_unix_socket_is_for_its_user(logger, home):
    logger("--inspect", f"unix:{home}/inspect")
    assert attempts(("unix", f"{home}/inspect", "status\n")) == ["refused: PermissionError"]


@told
def test_an_inspector_on_loopback_is_for_its_user_and_root(logger):
    server = logger("--inspect", LOOPBACK)
    port = server.ports()[-1]
    (said,) = attempts(("tcp", port, "connections\nlog critical\n"))
    assert said == "only the user of the service and root may look inside here, not nobody\n"
    with server.connect(1) as operator:
        operator.sendall(b"log\nquit\n")
        shown = operator.makefile("rb").read()
    assert b"Goodbye." in shown and b"critical" not in shown


def test_inputs_on_loopback_take_lines_of_anybody_in_any_name_and_show_none(logger):
    """So a line over TCP and UDP proves nothing: nobody signs as root, and as another program."""
    server = logger(listen=[LOOPBACK, f"syslog:udp{LOOPBACK[3:]}", f"syslog:{LOOPBACK}"])
    send(server, SECRET)
    lines, datagrams, syslog = server.ports()
    forged = "<38>1 2026-11-20T06:00:00Z host sshd 1 - - Accepted password for root"
    said = attempts(
        ("tcp", lines, "forged\n"), ("udp", datagrams, forged), ("tcp", syslog, f"{forged}\n")
    )
    assert said == ["", "", ""]
    server.wait_for_messages(4)
    text = server.current.read_text()
    assert text.count("Accepted password for root") == 2
    assert "uid=" not in text


def test_inputs_on_unix_sockets_are_for_user_and_group_or_say_who_sent_a_line(logger, home):
    """The kernel says who is at the other end of a connection, and no byte of the line can."""
    endpoints = [f"unix:{home}/own", f"unixgram:{home}/grams", f"unix:{home}/all:mode=666"]
    server = logger(listen=endpoints)
    own, grams, everybody = attempts(
        ("unix", f"{home}/own", "forged\n"),
        ("unixgram", f"{home}/grams", "forged\n"),
        ("unix", f"{home}/all", "2026-11-20T06:00:00Z unix:uid=0 forged\n"),
    )
    assert refused(own) and refused(grams) and everybody == ""
    server.wait_for_messages(1)
    (line,) = server.current.read_text().splitlines()
    assert line.split(" ")[1].startswith(f"unix:uid={nobody().uid},pid=")


def test_datagrams_at_a_unix_socket_for_everybody_say_who_sent_them(logger, home):
    """A sender may bind a name of its own, which never looks like a user."""
    server = logger(listen=[f"syslog:unixgram:{home}/log:mode=666"])
    assert attempts(("unixgram", f"{home}/log", "<38>sshd: forged")) == [""]
    server.wait_for_messages(1)
    assert server.current.read_text().split(" ")[1].startswith(f"unix:uid={nobody().uid},pid=")


def test_gopherd_shows_everybody_its_directory_and_greet_its_greeting(home):
    (home / "holes").mkdir()
    (home / "holes/public.txt").write_text("for everybody")
    (home / "holes/.hidden").write_text(SECRET)
    words = ("--directory", str(home / "holes"), "--listen", LOOPBACK, "--host", "localhost")
    with Twistd("gopherd", *words, directory=home) as gopherd:
        port = gopherd.ready().port()
        menu, file, hidden = attempts(
            ("tcp", port, "\r\n"), ("tcp", port, "/public.txt\r\n"), ("tcp", port, "/.hidden\r\n")
        )
    assert "public.txt" in menu and "hidden" not in menu
    assert "for everybody" in file and SECRET not in hidden
    with Twistd("greet", "--listen", LOOPBACK, directory=home) as greet:
        (said,) = attempts(("tcp", greet.ready().port(), "ann\r\n"))
    assert said


def packaged_configuration(home: Path) -> Path:
    """Write the configuration of the package for Debian with free ports, and with places in `home`."""
    text = (ROOT / "packaging/debian/logsrv.toml").read_text()
    text = re.sub(r"\b(tcp|udp):\d+:interface", r"\1:0:interface", text)
    text = text.replace("/var/lib/logsrv/lines", f"{home}/store")
    (home / "etc").mkdir(mode=0o750)
    (home / "etc/token").write_text(TOKEN)
    (home / "etc/token").chmod(0o640)
    text = text.replace("/etc/logsrv/", f"{home}/etc/")
    file = home / "logsrv.toml"
    file.write_text(text)
    file.chmod(0o640)
    return file


def tries_at(found: set[OpenSocket]) -> list[tuple[str, int | str, str]]:
    probes = [
        *PROBES,
        get("/api/saved/mine", "PUT", '{"q": "x"}'),
        get("/api/alerts/mine", "PUT", '{"alert": "x"}'),
        get("/logout", "POST", "x=y"),
    ]
    return [(one.kind, one.place, sent) for one in found for sent in probes]


def test_nothing_of_the_packaged_service_is_readable_or_changeable(logger, home):
    """All ports and sockets that it has, by the kernel's own tables; and its files."""
    file = packaged_configuration(home)
    document = tomllib.loads(file.read_text())
    server = logger("--config", str(file), listen=())
    send(server, SECRET)
    found = open_sockets(server.pid)
    assert len(found) == len(document["listener"]) + 1, "each is the page or an input"
    tries = tries_at(found)
    for (_, _, sent), said in zip(tries, attempts(*tries), strict=True):
        assert SECRET not in said and TOKEN not in said and "logsrv_" not in said, sent
        assert said == "" or re.match("HTTP/1.1 (303|40[0-9]) ", said), (sent, said)
        assert "Set-Cookie" not in said
    private = [str(file), str(home / "etc/token"), str(server.current), *files_of(server)]
    tries = [(what, one, "") for one in private for what in ("read", "append")]
    assert all(map(refused, attempts(*tries)))
    assert SECRET.encode() in server.messages()


@told
def test_nothing_of_make_run_is_readable_or_changeable(logger, home):
    """It calls `logsrv serve`, whose options for the server these are."""
    assert "exec .venv/bin/logsrv serve" in (ROOT / ".make/run.sh").read_text()
    code = Path(serve_command.__file__).read_text()
    options = set(re.findall(r'^        "(--[a-z-]+)": ', code, re.MULTILINE))
    assert options == {
        "--listen",
        "--http",
        "--saved",
        "--alert-saved",
        "--alert-command",
        "--directory",
    }
    words = ("--saved", f"{home}/store/saved.json", "--alert-saved", f"{home}/store/alerts.json")
    server = logger(*HTTP, *words, "--alert-command", f"tee -a {home}/store/messages")
    send(server, SECRET)
    found = open_sockets(server.pid)
    assert len(found) == 2
    tries = tries_at(found)
    for (_, _, sent), said in zip(tries, attempts(*tries), strict=True):
        assert SECRET not in said and "logsrv_" not in said, sent
        assert said == "" or said.startswith("HTTP/1.1 40"), (sent, said)
    assert not (home / "store/saved.json").exists() and not (home / "store/alerts.json").exists()
    tries = [(what, one, "") for one in files_of(server) for what in ("read", "append", "remove")]
    assert all(map(refused, attempts(*tries)))
    assert json.dumps(SECRET)[1:-1].encode() in server.messages()


def test_the_table_of_security_names_each_of_these_tests():
    text = (ROOT / "SECURITY.md").read_text()
    table = text.partition("## Other users of the machine")[2].partition("\n## ")[0]
    here = Path(__file__).read_text()
    missing = [
        name
        for name in re.findall(r"^def (test_\w+)", here, re.MULTILINE)
        if name not in table and "table_of_security" not in name
    ]
    assert not missing
    assert os.path.basename(__file__) in table
