"""The page's API of the real daemon with [[retention]] rules: all stores are read and watched as one."""

import json
import random
from pathlib import Path

import pytest

from tests.end_to_end.web_daemon import HTTP, client_of
from tests.parts.daemons import Logger, Start, reload
from tests.parts.web_clients import Client

pytestmark = pytest.mark.slow
SHOWN = (
    "[...document.querySelectorAll('[role=log] [data-position]')].map(one => one.dataset.position)"
)

ODD = "[[retention]]\nname = \"odd\"\nmatch = '/n=\\d*[13579]\\b/'\nkeep-days = 365\n"
DEEP = '[[retention]]\nname = "deep"\nmatch = "deep"\nkeep-days = 365\n'


def rules(file: Path, text: str) -> tuple[str, str]:
    """Write a configuration with rules; return the options that name it."""
    file.write_text(text)
    return "--config", str(file)


@pytest.fixture
def server(logger: Start, tmp_path) -> Logger:
    return logger(*HTTP, *rules(tmp_path / "rules.toml", ODD))


def send(server: Logger, client: Client, *lines: str) -> None:
    """Send lines and wait until a search finds them."""
    before = client.ask("/api/stats").json["lines"]
    server.send("".join(f"{one}\n" for one in lines).encode())
    server.wait_until(
        lambda: client.ask("/api/stats").json["lines"] == before + len(lines), "all lines"
    )


def numbered(*numbers: int) -> list[str]:
    return [f"app=web n={one}" for one in numbers]


def test_a_user_searches_pages_and_opens_lines_of_all_stores(server):
    client = client_of(server)
    send(server, client, *numbered(*range(20)))
    found = client.ask("/api/search").lines
    assert sorted(one["fields"]["n"] for one in found) == sorted(map(str, range(20)))
    names = {one["fields"]["n"]: one["position"] for one in found}
    assert all(("odd/" in position) == bool(int(n) % 2) for n, position in names.items())
    every = [one["position"] for one in found]
    for way, end in (("1", "before"), ("0", "after")):
        pages: list[str] = []
        while len(pages) < 20:
            edge = f"&{end}={pages[-1]}" if pages else ""
            answer = client.ask(f"/api/search?limit=6&reverse={way}{edge}")
            pages += [one["position"] for one in answer.lines]
        assert pages == (every[::-1] if way == "1" else every)
    (shown,) = client.ask("/api/show", position=names["7"], before=0, after=0).json["lines"]
    assert shown["message"] == "app=web n=7"
    figures = client.ask("/api/table", q="| count").json
    assert figures["rows"] == [["20"]] or figures["rows"] == [[20]]
    stats = client.ask("/api/stats").json
    assert stats["lines"] == 20 and stats["position"].count(",") == 1
    assert sum(one["count"] for one in client.ask("/api/histogram").json["buckets"]) == 20


def test_a_viewer_that_connects_again_gets_each_line_of_all_stores_once(server):
    """Its last line is of one store, and its id tells where it is in the others."""
    client = client_of(server)
    send(server, client, *numbered(0, 1))
    choose = random.Random(5)
    got: list[str] = []
    last: dict[str, str] = {}
    sent = 2
    for _ in range(12):
        with client.watch(headers=last) as events:
            if not last:
                # A client that gets no line knows where it begins.
                events.response.readline()
            count = choose.randint(1, 9)
            send(server, client, *numbered(*range(sent, sent + count)))
            sent += count
            got += events.lines(choose.randint(1, sent - 2 - len(got)))
            last = {"Last-Event-ID": events.last_id}
        assert "," in events.last_id
        count = choose.randint(0, 30)
        send(server, client, *numbered(*range(sent, sent + count)))
        sent += count
    with client.watch(headers=last) as events:
        got += events.lines(sent - 2 - len(got))
        send(server, client, "app=web n=end")
        assert events.lines(1) == ["app=web n=end"]
    assert sorted(got) == sorted(numbered(*range(2, sent)))


def test_a_viewer_far_behind_gets_all_lines_of_all_stores(server):
    client = client_of(server)
    send(server, client, *numbered(0, 1))
    begin = client.ask("/api/stats").json["position"]
    filling = "x" * 500
    send(server, client, *(f"n={one} {filling}" for one in range(2, 4000)))
    wanted = sorted(f"n={one} {filling}" for one in range(2, 4000))
    with client.watch(after=begin) as events:
        assert sorted(events.lines(3998)) == wanted
        last = events.last_id
    with client.watch(q="app=web", after=begin) as events:
        send(server, client, *numbered(5001, 5002))
        assert sorted(events.lines(2)) == numbered(5001, 5002)
    with client.watch(headers={"Last-Event-ID": last}) as events:
        assert sorted(events.lines(2)) == numbered(5001, 5002)
    # The position of a line alone: the others follow by their times.
    (first,) = client.ask("/api/search", q="n=1").lines
    with client.watch(after=first["position"]) as events:
        assert len(events.lines(4000)) == 4000


def test_a_store_that_a_reload_adds_is_followed_and_one_that_goes_is_left(server, tmp_path):
    client = client_of(server)
    file = tmp_path / "rules.toml"
    send(server, client, *numbered(0))
    with client.watch() as events, client.watch(q="deep") as some:
        file.write_text(ODD + DEEP)
        reload(server)
        send(server, client, "deep 1", *numbered(1), "deep 2")
        assert sorted(events.lines(3)) == ["app=web n=1", "deep 1", "deep 2"]
        assert some.lines(2) == ["deep 1", "deep 2"]
        assert "deep/" in events.last_id
        file.write_text(ODD)
        reload(server)
        # The server may still be closing it.
        (server.store / "stores" / "deep").rename(tmp_path / "gone")
        server.send(b"deep 3\n")
        assert events.lines(1) == some.lines(1) == ["deep 3"]


def test_the_first_rule_of_a_reload_changes_nothing_for_viewers(logger, tmp_path):
    file = tmp_path / "rules.toml"
    server = logger(*HTTP, *rules(file, ""))
    client = client_of(server)
    send(server, client, *numbered(0))
    with client.watch(join=1) as events:
        send(server, client, *numbered(1))
        assert events.lines(1) == numbered(1)
        assert "," not in events.last_id and "/" not in events.last_id
        file.write_text(ODD)
        reload(server)
        send(server, client, *numbered(2, 3))
        assert sorted(events.lines(2)) == numbered(2, 3)
        last = events.last_id
    assert "odd/" in last
    send(server, client, *numbered(4, 5))
    with client.watch(join=1, headers={"Last-Event-ID": last}) as events:
        assert sorted(events.lines(2)) == numbered(4, 5)


def test_readers_of_some_lines_see_no_others_of_any_store(logger, tmp_path):
    text = ODD
    for name, only in (("ann", 'only = "app=web"\n'), ("all", "")):
        token = tmp_path / name
        token.write_text(f"0123456789abcdef-{name}")
        token.chmod(0o600)
        text += f'[[reader]]\nname = "{name}"\ntoken-file = "{token}"\n{only}'
    file = tmp_path / "rules.toml"
    file.write_text(text)
    server = logger(*HTTP, "--config", str(file))
    client = client_of(server)
    ann = {"Authorization": "Bearer 0123456789abcdef-ann"}
    every = {"Authorization": "Bearer 0123456789abcdef-all"}
    secret = [f"app=canary n={one}" for one in range(10)]

    def lines() -> int:
        return len(client.ask("/api/search", headers=every).lines)

    with client.watch(headers=ann) as events:
        server.send("".join(f"{one}\n" for one in [*secret, *numbered(0, 1)]).encode())
        server.wait_until(lambda: lines() == 12, "all lines")
        assert sorted(events.lines(2)) == numbered(0, 1)
        last = events.last_id
    for path, more in (
        ("/api/search", {"join": 1}),
        ("/api/search", {"q": "n>0", "join": 1, "reverse": 1}),
        ("/api/top", {"field": "app"}),
        ("/api/table", {"q": "| count by app"}),
        ("/api/histogram", {"by": "app"}),
        ("/api/patterns", {}),
    ):
        answer = client.ask(path, headers=ann, **more)
        assert answer.status == 200 and b"canary" not in answer.body, path
    hidden = [one["position"] for one in client.ask("/api/search", q="canary", headers=every).lines]
    assert {"/" in one for one in hidden} == {True, False}
    for one in hidden:
        for path in ("/api/show", "/api/record"):
            assert client.ask(path, position=one, headers=ann).status == 404
        answer = client.ask("/api/search", after=one, headers=ann)
        assert b"canary" not in answer.body
    with client.watch(headers=ann | {"Last-Event-ID": last}) as events:
        server.send("".join(f"{one}\n" for one in [*secret, *numbered(2, 3)]).encode())
        assert sorted(events.lines(2)) == numbered(2, 3)
    with client.watch(headers=ann, after="1:0") as events:
        found = [events.next() for _ in range(3)]
    assert b"canary" not in json.dumps(found).encode()


@pytest.mark.long
def test_the_page_has_lines_of_all_stores_by_their_times(server, browser):
    client = client_of(server)
    for number in range(6):
        send(server, client, *numbered(number))
    address = f"http://127.0.0.1:{server.ports()[-1]}/"
    page = browser.page(address)
    page.wait(f"{SHOWN}.length === 6 && document.querySelector('#connection.live')")
    for number in range(6, 10):
        send(server, client, *numbered(number))
    page.wait(f"{SHOWN}.length === 10")
    every = [one["position"] for one in client.ask("/api/search").lines]
    assert page.run(SHOWN) == every
    page.go(f"{address}?position={every[3]}")
    page.wait(f"{SHOWN}.length === 10 && document.querySelector('[aria-current]')")
    assert page.run("document.querySelector('[aria-current]').dataset.position") == every[3]
    assert page.run(SHOWN) == every
