"""Queries of several real daemons through the API of one of them."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.conftest import LOOPBACK, Logger, starting
from tests.end_to_end.test_nodes import BOTH, OF_A, OF_B, THRICE, running
from tests.end_to_end.web_daemon import TOKEN, client_of
from tests.parts.daemon_logs import check_log
from tests.parts.stores import line
from tests.parts.web_clients import Client

pytestmark = pytest.mark.slow

EVERY = [one.decode().rstrip("\n") for one in sorted([*BOTH, *OF_A, *OF_B, *THRICE])]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Logger, Logger, Logger]]:
    """A daemon that names a second with nearly the same lines and an empty third; all have tokens."""
    home = tmp_path_factory.mktemp("three")
    token = home / "token"
    token.write_text(f"{TOKEN}\n")
    with starting(home) as start:
        options = ("--http", LOOPBACK, "--http-token-file", str(token))
        b = running(start, home / "b", [BOTH, THRICE[:2], OF_B], *options)
        c = running(start, home / "c", [[line("of c", 90)]], *options)
        a = running(
            start, home / "a", [OF_A, BOTH, THRICE],
            "--http", LOOPBACK, "--nodes-token-file", str(token),
            "--nodes", f"b=127.0.0.1:{b.ports()[-1]}",
            "--nodes", f"others=127.0.0.1:{c.ports()[-1]},127.0.0.1:{b.ports()[-1]}",
        )  # fmt: skip
        yield a, b, c
    for server in (a, b, c):
        check_log(server.log_path)


WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


def search(
    server: Client, headers: dict[str, str] | None = None, **asked: Any
) -> list[dict[str, Any]]:
    answer = server.ask("/api/search", headers=headers, **asked)
    assert answer.status == 200, answer.body
    return [json.loads(one) for one in answer.body.splitlines()]


def stored(found: list[dict[str, Any]]) -> list[str]:
    return [f"{one['time']} {one['source']} {one['message']}" for one in found]


def test_the_page_knows_names_and_nothing_else(three):
    a, b, c = three
    found = client_of(a).ask("/api/nodes")
    several = [f"others/127.0.0.1:{server.ports()[-1]}" for server in (c, b)]
    assert found.json == {
        "nodes": [{"name": "b", "nodes": ["b"]}, {"name": "others", "nodes": several}]
    }
    assert TOKEN.encode() not in found.body


def test_lines_of_all_come_by_time_each_once(three):
    api = client_of(three[0])
    found = search(api, nodes="here,b")
    assert stored(found) == EVERY
    assert stored(search(api, nodes="here,b", reverse=1)) == EVERY[::-1]
    assert stored(search(api, nodes="all", q="of")) == [one for one in EVERY if " of " in one] + [
        line("of c", 90).decode().rstrip("\n")
    ]
    both = [one for one in found if one["message"].startswith("both")]
    assert {tuple(sorted(one["nodes"])) for one in both} == {("b", "here")}
    assert {tuple(one["nodes"]) for one in found if "of b" in one["message"]} == {("b",)}
    assert found[0]["fields"]["user"] and "error" not in found[0]
    # The first daemon has this line three times, the second twice.
    again = [sorted(one["nodes"]) for one in found if one["message"] == "again"]
    assert again == [["b", "here"], ["b", "here"], ["here"]]


@pytest.mark.parametrize("reverse", [0, 1])
def test_pages_meet_without_a_gap(three, reverse):
    """A page may also end among lines of the same microsecond, as the last ones here."""
    api = client_of(three[0])
    found: list[dict[str, Any]] = []
    end = "before" if reverse else "after"
    asked: dict[str, Any] = {}
    while page := search(api, nodes="here,b", limit=9, reverse=reverse, **asked):
        found += page
        asked = {end: page[-1]["position"]}
    assert stored(found) == (EVERY[::-1] if reverse else EVERY)
    assert len({one["position"] for one in found}) == len(EVERY)


def test_one_node_answers_as_by_itself(three):
    a, b, _ = three
    own = client_of(b)
    questions: list[dict[str, Any]] = [
        {"q": "again"},
        {"reverse": 1, "limit": 3},
        {"source": "udp:*"},
    ]
    for question in questions:
        there = search(own, WITH_TOKEN, **question)
        assert [{**one, "nodes": {"b": one["position"]}} for one in there] == search(
            client_of(a), nodes="b", **question
        )
    position = search(own, WITH_TOKEN, q="again", limit=1)[0]["position"]
    asked: dict[str, Any] = {"position": position, "before": 2, "after": 1}
    shown = client_of(a).ask("/api/show", nodes="b", **asked)
    assert shown.json == own.ask("/api/show", WITH_TOKEN, **asked).json
    none = client_of(a).ask("/api/show", nodes="b", position="77:0")
    assert none.status == 404 and none.json["error"] == "there is no line at 77:0 of b"


def test_numbers_of_several_nodes_are_added(three):
    a, b, _ = three
    api, own = client_of(a), client_of(b)
    questions: list[tuple[str, dict[str, Any]]] = [
        ("/api/histogram", {"buckets": "7"}),
        ("/api/histogram", {"since": "2026-11-20T06:00:10Z", "until": "2026-11-20T06:00:30Z"}),
        ("/api/top", {"field": "user"}),
        ("/api/fields", {"q": "level=error"}),
        ("/api/sources", {}),
    ]
    for path, asked in questions:
        there = own.ask(path, WITH_TOKEN, **asked).json
        here = api.ask(path, nodes="b", **asked).json
        assert (here.pop("added"), here.pop("missing")) == (False, [])
        if path == "/api/histogram" and "since" not in asked:
            assert sum(one["count"] for one in here["buckets"]) == 47
        else:
            assert here == there, path
    bars = api.ask("/api/histogram", nodes="here,b").json
    # The counts of both nodes are added.
    assert sum(one["count"] for one in bars["buckets"]) == 48 + 47 and bars["added"]
    assert sum(one["levels"].get("error", 0) for one in bars["buckets"]) == 2 * len(BOTH)
    top = api.ask("/api/top", nodes="here,b", field="user").json
    assert top["added"] and top["values"][0] == {"value": "ann", "count": 2 * len(BOTH)}
    fields = api.ask("/api/fields", nodes="here,b").json
    assert fields["added"] and fields["sampled"] == 48 + 47


def test_only_configured_nodes_are_asked(three):
    """Only configured names are asked, never an address in the request."""
    api = client_of(three[0])
    for name in (f"127.0.0.1:{three[1].ports()[-1]}", "https://evil.example", "c", "b,nobody"):
        for path in ("/api/search", "/api/histogram", "/api/fields"):
            refused = api.ask(path, nodes=name)
            assert refused.status == 400
            assert "is none of the nodes that this server names" in refused.json["error"]
    refused = api.ask("/api/show", nodes="all", position="1:0")
    assert refused.status == 400 and "a place in one store" in refused.json["error"]
    assert client_of(three[0]).ask("/api/tail", nodes="b").status == 400


def test_a_question_ends_when_its_browser_goes(logger, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        nodes = f"silent=127.0.0.1:{silent.getsockname()[1]}"
        a = running(logger, tmp_path / "a", [THRICE], "--http", LOOPBACK, "--nodes", nodes)
        with socket.create_connection(("127.0.0.1", a.ports()[-1])) as browser:
            browser.sendall(b"GET /api/search?nodes=all HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection, _ = silent.accept()
            connection.settimeout(PATIENCE)
            # The question to a node has no names of nodes: it asks for that node's own lines.
            assert b"nodes=" not in connection.recv(65536)
        with connection:
            assert connection.recv(1) == b""


def stored_lines(lines: list[bytes]) -> list[str]:
    return [one.decode().rstrip("\n") for one in lines]
