"""Readers of the real daemon: what each sees, what each may change, and what is logged of it."""

import json
import os
import random
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from tests.end_to_end.web_daemon import HTTP, client_of, send
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger, Start, reload
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.web_clients import Client, Response

CANARIES = (b"quagga", b"numbatfield", b"123123123")
EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
TOKENS = {"ann": "token-of-ann", "web": "token-of-web", "cy": "token-of-cy"}
TABLES = """
[[reader]]
name = "ann"
token-file = "ann"
may = ["read", "save", "alert"]

[[reader]]
name = "web"
token-file = "web"
only = "app=web"
"""


def configuration(home: Path, tables: str = TABLES, more: str = "") -> str:
    """Write a configuration with readers, and the files of their tokens; return its path."""
    for name, token in TOKENS.items():
        (home / name).write_text(token)
        (home / name).chmod(0o600)
    path = home / "logsrv.toml"
    path.write_text(f"{more}\n{tables}")
    return str(path)


def as_reader(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def messages(answer: Response) -> list[str]:
    assert answer.status == 200, answer.body
    return [line["message"] for line in answer.lines if "message" in line]


def test_each_reader_sees_its_lines_and_changes_what_it_may(logger: Start, tmp_path):
    server = logger(*HTTP, "--config", configuration(tmp_path), "--saved", str(tmp_path / "saved"))
    client = client_of(server)
    send(server, "one app=web n=1", "quagga app=api numbatfield=123123123", "two app=web n=2")
    assert client.ask("/api/search").status == 401
    assert len(messages(client.ask("/api/search", as_reader("ann")))) == 3
    assert messages(client.ask("/api/search", as_reader("web"))) == [
        "one app=web n=1",
        "two app=web n=2",
    ]
    me = client.ask("/api/me", as_reader("web")).json
    assert (me["name"], me["may"], me["only"]) == ("web", ["read"], "app=web")
    put = {"Content-Type": "application/json"}
    body = '{"q": "level>=error"}'
    refused = client.ask("/api/saved/x", as_reader("web") | put, "PUT", body)
    assert refused.status == 403 and "saved searches" in refused.json["error"]
    assert client.ask("/api/saved/x", as_reader("ann") | put, "PUT", body).status == 200
    for path in ("/metrics", "/api/alerts"):
        refused = client.ask(path, as_reader("web"))
        assert refused.status == 403 and "some lines" in refused.json["error"]
    stats = client.ask("/api/stats", as_reader("web")).json
    assert stats["lines"] is None and stats["position"].startswith("1:")
    hidden = client.ask("/api/search", as_reader("ann"), q="quagga").lines[0]["position"]
    assert client.ask("/api/show", as_reader("web"), position=hidden).status == 404


def test_a_live_view_has_the_lines_of_its_reader(logger: Start, tmp_path):
    server = logger(*HTTP, "--config", configuration(tmp_path))
    client = client_of(server)
    send(server, "quagga app=api n=0", "one app=web n=1")
    with (
        client.watch(after="1:0", headers=as_reader("web")) as behind,
        client.watch(headers=as_reader("web")) as live,
        client.watch("NOT two", headers=as_reader("ann")) as every,
    ):
        send(server, "quagga two app=api n=0", "two app=web n=2", "three app=web n=3")
        new = ["two app=web n=2", "three app=web n=3"]
        assert live.lines(2) == new and behind.lines(3) == ["one app=web n=1", *new]
        assert every.lines(1) == ["three app=web n=3"]


def test_a_reload_revokes_one_reader_and_leaves_the_others(logger: Start, tmp_path):
    path = configuration(tmp_path)
    server = logger(*HTTP, "--config", path)
    client = client_of(server)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookies = {}
    for name in ("ann", "web"):
        answer = client.ask("/login", form, "POST", f"token={TOKENS[name]}")
        cookies[name] = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        assert client.ask("/api/me", cookies[name]).json["name"] == name
    with (
        client.watch(headers=cookies["web"]) as revoked,
        client.watch(headers=cookies["ann"]) as stays,
    ):
        ann, web = TABLES.strip().split("\n\n")
        configuration(tmp_path, f"{ann}\n\n{web.replace('web', 'cy', 2)}")
        reload(server)
        assert "token has changed" in str(revoked.next())
        send(server, "after")
        assert stays.lines(1) == ["after"]
    assert client.ask("/api/me", cookies["web"]).status == 401
    assert client.ask("/api/me", as_reader("web")).status == 401
    assert client.ask("/api/me", as_reader("cy")).json["only"] == "app=web"
    assert client.ask("/api/me", cookies["ann"]).status == 200


def test_logsrv_token_makes_a_token_and_the_line_for_its_file(logger: Start, tmp_path):
    path = configuration(tmp_path)
    made = logsrv("token", "ann")
    assert made.returncode == 0
    token = made.stderr.decode().split()[-1]
    (tmp_path / "ann").write_bytes(made.stdout)
    assert token not in made.stdout.decode()
    client = client_of(logger(*HTTP, "--config", path))
    assert client.ask("/api/me", {"Authorization": f"Bearer {token}"}).json["name"] == "ann"
    line = made.stdout.decode().strip()
    assert client.ask("/api/me", {"Authorization": f"Bearer {line}"}).status == 401


@pytest.mark.complains("cannot start")
@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (TABLES.replace('"web"\ntoken', '"ann"\ntoken'), "two readers are called ann"),
        (TABLES.replace('token-file = "web"', 'token-file = "ann"'), "have the same token"),
        (TABLES.replace("app=web", "app=web | count"), "only a search takes a stage"),
        (TABLES.replace("app=web", "(app=web"), "never closed"),
        (TABLES.replace("app=web", " "), "is empty"),
        (TABLES.replace('"alert"', '"alerts"'), "did you mean alert"),
        (TABLES.replace('token-file = "web"\n', ""), "no token-file"),
        (TABLES.replace('["read", "save", "alert"]', '["save"]'), "lacks read"),
        (TABLES + 'may = ["read", "alert"]\n', "do not go together"),
        (TABLES.replace('token-file = "web"', 'token-file = "nowhere"'), "no such file"),
    ],
)
def test_a_wrong_table_is_refused_before_anything_is_opened(logger: Start, tmp_path, tables, said):
    server = logger(*HTTP, "--config", configuration(tmp_path, tables), wait=False)
    assert server.wait() == 1
    assert said in server.log() and not (tmp_path / "store").exists()


def test_the_audit_log_has_who_asked_what_and_how_much_left(logger: Start, tmp_path):
    server = logger(*HTTP, "--audit", "--config", configuration(tmp_path))
    client = client_of(server)
    send(server, "one app=web n=1", "two app=web n=2", "three app=api n=3")
    client.ask("/api/search", as_reader("web"), q='"x\nstatus=200 reader=\\"ann\\"" OR one OR two')
    client.ask("/api/search", as_reader("web"), format="csv")
    client.ask("/api/search", {"Authorization": "Bearer wrong"})
    client.ask("/login", {}, "POST", f"token={TOKENS['ann']}")
    client.ask("/api/saved/x", as_reader("web") | {"Content-Type": "application/json"}, "PUT", "{}")
    with client.watch("app=web", headers=as_reader("ann")) as live:
        send(server, "four app=web n=4")
        live.lines(1)

    def audited() -> list[str]:
        return re.findall(r"audit (reader=.*)", server.log())

    wait_until(lambda: len(audited()) >= 7, "the audit log")
    asked, csv, wrong, log_in, change, begun, ended = audited()
    assert asked.startswith('reader="web" address="127.0.0.1" method="GET" path="/api/search" q="')
    assert r"\nstatus=200 reader=" in asked and "status=200 lines=2 bytes=" in asked
    assert 'format="csv"' in csv and "lines=2" in csv
    assert wrong.startswith("reader=none") and "status=401" in wrong
    assert 'reader="ann"' in log_in and 'path="/login"' in log_in and "status=303" in log_in
    assert 'method="PUT"' in change and "status=403" in change
    assert "begins=yes" in begun and "lines=1" in ended and 'q="app=web"' in ended
    text = server.log()
    assert not any(token in text for token in [*TOKENS.values(), "wrong"])


PROXY = """
worker_processes 1;
error_log {home}/error.log;
pid {home}/nginx.pid;
daemon off;
events {{}}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
{recipe}
  # Stands for oauth2-proxy or Authelia: who has the cookie `session=NAME` is NAME.
  server {{
    listen 127.0.0.1:{auth};
    location / {{
      if ($cookie_session = "") {{ return 401; }}
      add_header X-Auth-Request-User $cookie_session;
      return 200;
    }}
  }}
}}
"""


def recipe(document: str) -> str:
    """Return the configuration of nginx in a document."""
    found = re.search(r"```nginx\n(.*?)```", Path(document).read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_a_proxy_that_authenticates_names_the_reader(logger: Start, tmp_path):
    """The recipe of docs/readers.md, with the real nginx."""
    nginx = program("nginx", "nginx-light")
    secret = "secret-of-the-proxy"
    (tmp_path / "proxy.secret").write_text(secret)
    more = 'http-user-header = "X-Auth-Request-User"\nhttp-proxy-secret-file = "proxy.secret"\naudit = true'
    tables = TABLES + '\n[[reader]]\nname = "eve"\nonly = "app=api"\n'
    server = logger(
        *HTTP, "--http-host", "logs.example.org", "--config", configuration(tmp_path, tables, more)
    )
    send(server, "one app=web n=1", "two app=api n=2")
    port, auth = free_port(), free_port()
    text = recipe("docs/readers.md")
    for written, here in {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8080": f"127.0.0.1:{server.ports()[-1]}",
        "127.0.0.1:4180": f"127.0.0.1:{auth}",
        "SECRET": secret,
    }.items():
        assert written in text, written
        text = text.replace(written, here)
    text = re.sub(r"\n *ssl_[^\n]*", "", text)
    (tmp_path / "nginx.conf").write_text(PROXY.format(home=tmp_path, recipe=text, auth=auth))
    with subprocess.Popen(
        [nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    ) as proxy:
        try:
            through = Client(port)
            wait_until(lambda: _answers(through), "nginx")
            host = {"Host": "logs.example.org"}

            def asked(path: str, **headers: str) -> Response:
                return through.ask(path, host | headers)

            assert asked("/api/me").status == 401
            assert asked("/api/me", Cookie="session=web").json["name"] == "web"
            assert messages(asked("/api/search", Cookie="session=eve")) == ["two app=api n=2"]
            unknown = asked("/api/search", Cookie="session=mallory")
            assert unknown.status == 403 and "mallory is no reader" in unknown.json["error"]
            server.wait_for_log('audit reader=none named="mallory"')
            # What a client sends in these headers is replaced.
            forged = {"X-Auth-Request-User": "ann", "Logsrv-Proxy-Secret": "x"}
            assert asked("/api/me", Cookie="session=web", **forged).json["name"] == "web"
        finally:
            proxy.send_signal(signal.SIGTERM)
    direct = client_of(server)
    header = {"X-Auth-Request-User": "ann"}
    assert direct.ask("/api/me", header).status == 401
    assert direct.ask("/api/me", header | {"Logsrv-Proxy-Secret": "guess"}).status == 403
    assert direct.ask("/api/me", {"Logsrv-Proxy-Secret": secret}).status == 403
    assert direct.ask("/api/me", header | as_reader("web")).json["name"] == "web"


def _answers(client: Client) -> bool:
    try:
        return client.ask("/healthz").status > 0
    except OSError:
        return False


WORDS = (
    "",
    "shop",
    "user=ann",
    "ms>300",
    "level>=error",
    "app=api",
    "NOT app=web",
    "quaggas",
    "x=*",
)


def fill(server: Logger, chance: random.Random) -> list[dict[str, Any]]:
    """Send lines, of which some are sealed and have columns; return those with `app=web`."""
    sent: list[dict[str, Any]] = []
    for number in range(9000):
        record: dict[str, Any] = {"app": chance.choice(["web", "api"]), "n": number}
        record |= {"level": chance.choice(["info", "error"]), "user": chance.choice(["ann", "bob"])}
        record |= {"ms": chance.randrange(1000), "msg": chance.choice(["in the shop", "timeout"])}
        if record["app"] == "api":
            record |= {"numbatfield": 123123123, "msg": "shop quagga", "user": "quagga"}
        sent.append(record | {"text": 60 * "x"})
    lines = [json.dumps(one) for one in sent]
    for start in range(0, len(lines), 3000):
        server.send("".join(f"{line}\n" for line in lines[start : start + 3000]).encode())
    server.wait_until(lambda: len(server.messages()) == len(lines), "the lines in the store")
    return [one for one in sent if one["app"] == "web"]


def is_true(word: str, one: dict[str, Any]) -> bool:
    tests: dict[str, bool] = {
        "": True, "shop": "shop" in one["msg"], "user=ann": one["user"] == "ann", "ms>300": one["ms"] > 300,
        "level>=error": one["level"] == "error", "app=api": False, "NOT app=web": False,
    }  # fmt: skip
    return tests.get(word, False)


@pytest.mark.slow
@pytest.mark.minutes(10)
def test_no_endpoint_tells_of_hidden_lines(logger: Start, tmp_path):
    """Random queries at all endpoints of a store with columns, sealed segments and an active one."""
    chance = random.Random(17)
    server = logger(*HTTP, "--rotate-size", "700KiB", "--config", configuration(tmp_path))
    web = fill(server, chance)
    client, head = client_of(server), as_reader("web")
    for _ in range(EXAMPLES):
        some = [chance.choice(WORDS), chance.choice(WORDS)]
        query = " ".join(some).strip()
        wanted = sum(all(is_true(word, one) for word in some) for one in web)
        field = chance.choice(["app", "user", "ms", "numbatfield", "level"])
        place = f"{chance.randrange(1, 4)}:{chance.randrange(500_000)}"
        answers = {
            "count": client.ask("/api/table", head, q=f"{query} | count"),
            "csv": client.ask("/api/search", head, q=query, format="csv", limit=50),
            "newest": client.ask("/api/search", head, q=query, newest=1, join=1, limit=50),
            "by": client.ask("/api/table", head, q=f"{query} | count, max ms by {field}"),
            "bars": client.ask("/api/histogram", head, q=query, by=field),
            "top": client.ask("/api/top", head, q=query, field=field),
            "patterns": client.ask("/api/patterns", head, q=query),
            "fields": client.ask("/api/fields", head, q=query),
            "sources": client.ask("/api/sources", head, q=query),
            "show": client.ask("/api/show", head, position=place),
            "record": client.ask("/api/record", head, position=place),
            "fire": client.ask("/api/would_fire", head, alert=f"{query} | count by user > 1 in 1m"),
            "stats": client.ask("/api/stats", head),
            "openapi": client.ask("/openapi.json", head),
            "metrics": client.ask("/metrics", head),
            "alerts": client.ask("/api/alerts", head),
            "saved": client.ask("/api/saved", head),
        }
        for name, answer in answers.items():
            assert answer.status in (200, 400, 403, 404), (name, query, answer.body)
            for canary in CANARIES:
                of_query = canary == b"numbatfield" and field == "numbatfield"
                assert canary not in answer.body or of_query, (name, query, answer.body)
            headers = str(answer.headers)
            assert not any(canary.decode() in headers for canary in CANARIES[::2])
        assert answers["count"].json["rows"][0][0] == wanted, query
        assert sum(bar["count"] for bar in answers["bars"].json["buckets"]) == wanted, query
        assert sum(one["lines"] for one in answers["sources"].json["sources"]) == wanted, query


@pytest.mark.long
def test_the_page_of_a_reader_who_is_revoked_while_it_is_live(logger: Start, browser, tmp_path):
    server = logger(*HTTP, "--config", configuration(tmp_path))
    send(server, "one app=web n=1", "quagga app=api n=2")
    page = browser.page(f"http://127.0.0.1:{server.ports()[-1]}/")
    page.wait("document.querySelector('input[name=token]')")
    page.fill("input[name=token]", TOKENS["web"])
    page.press("Enter")
    page.wait("document.querySelector('#connection.live')")
    page.wait("document.querySelector('#reader')?.textContent.includes('web · only app=web')")
    send(server, "two app=web n=3", "quagga two app=api n=4")
    page.wait("document.querySelectorAll('[role=log] [data-position]').length === 2")
    assert "quagga" not in page.run("document.body.textContent")
    configuration(tmp_path, TABLES.strip().split("\n\n")[0])
    reload(server)
    page.wait("document.querySelector('#log-in').open")
    assert [one for one in page.complaints if "401" not in one] == []
