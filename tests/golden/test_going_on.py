"""A server goes on with golden stores: nothing is sent, archived or alerted twice, nothing is lost."""

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.golden.golden import FOLDERS, VERSIONS, answers_of, lake_query, unpack
from tests.parts.commands import logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start, faked_time
from tests.parts.ports import free_port
from tests.parts.store_reader import stored_bytes
from tests.parts.web_clients import Client

pytestmark = pytest.mark.slow

NOTE = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
NEW = b"<11>1 - - shop - - - needle-of-today\n"


def move_stores(place: Path) -> None:
    """Move the stores of edge and centre to where a daemon of the tests has its own."""
    for name in ("edge", "centre"):
        (place / "moved").mkdir()
        shutil.move(place / name, place / "moved" / "store")
        (place / "moved").rename(place / name)
    (place / "token").write_text("corpus")


def start_centre(place: Path, logger: Start) -> Logger:
    """Start the server of the centre."""
    return logger(
        "--input-token-file", "../token",
        listen=["blocks:tcp:0:interface=127.0.0.1"], directory=place / "centre",
    )  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_edge_and_centre_go_on(tmp_path, logger, folder):
    unpack(folder, tmp_path)
    move_stores(tmp_path)
    has_lake = (tmp_path / "lake").exists()
    centre = start_centre(tmp_path, logger)
    command = f'{sys.executable} -c "{NOTE}" {tmp_path}/alerts'
    lake = f'[[ship]]\nname = "lake"\nship = "lake+file://{tmp_path}/lake"\n' if has_lake else ""
    config = tmp_path / "edge" / "edge.toml"
    config.write_text(
        f"""
        rotate-size = "1"
        ship-token-file = "../token"
        alert-command = '''{command}'''
        [[ship]]
        name = "centre"
        ship = "http://127.0.0.1:{centre.port()}/blocks"
        [[ship]]
        name = "archive"
        ship = "file://{tmp_path}/archive"
        {lake}
        [[alerts]]
        name = "errors"
        alert = "level>=error"
        """
    )
    if (tmp_path / "edge/store/alerts/silences.json").exists():
        # It has ended by itself if the version is old.
        store = ("--config", str(config), "--directory", str(tmp_path / "edge/store"))
        logsrv("alert", "--end-silence", "errors", *store)
    edge = logger("--config", "edge.toml", listen=[LOOPBACK], directory=tmp_path / "edge")
    before = stored_bytes(edge.store)
    archived = set(tmp_path.glob("archive/*/*.json"))
    in_lake = set(tmp_path.glob("lake/*/*.parquet"))
    edge.send(NEW)
    centre.wait_until(lambda: b"needle-of-today" in stored_bytes(centre.store), "the new line")
    assert stored_bytes(centre.store) == stored_bytes(edge.store)
    assert stored_bytes(edge.store).startswith(before)
    # What was active then is sealed now, and so is the new line.
    edge.wait_until(lambda: len(set(tmp_path.glob("archive/*/*.json")) - archived) == 2, "archive")
    if has_lake:
        edge.wait_until(
            lambda: len(set(tmp_path.glob("lake/*/*.parquet")) - in_lake) == 2, "the lake"
        )
        rows = "select count(*), count(distinct (segment, position)) from {lake}"
        lines = str(stored_bytes(edge.store).count(b"\n"))
        assert lake_query(tmp_path, rows) == [[lines, lines]]
    # A message that is not due yet is sent at the stop.
    edge.stop()
    assert (tmp_path / "alerts").read_bytes().count(b"needle") == 1
    assert not list(edge.store.glob("*.catalog")), "a file of the first versions stays"
    for server in (edge, centre):
        assert "damaged" not in server.log() and "ERROR" not in server.log()
    looked = logsrv("doctor", str(edge.store))
    assert looked.stdout.endswith(b": sound\n"), looked.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_the_page_has_its_boards_alerts_and_silences(tmp_path, logger, version):
    """A minute after the stores were made: the groups that fired fire on, the silences hold."""
    answers = answers_of(version)
    unpack(Path(__file__).parent / version, tmp_path)
    move_stores(tmp_path)
    since = datetime.now(UTC) - datetime.fromisoformat(answers["made"]) - timedelta(minutes=1)
    clock = tmp_path / "clock"
    clock.write_text(f"-{since.total_seconds():.0f}")
    port = free_port()
    (tmp_path / "edge" / "edge.toml").write_text(
        f"""
        http = "tcp:{port}:interface=127.0.0.1"
        saved = "../pages/saved.json"
        alert-saved = "../pages/alerts.json"
        alert-command = "cat"
        [[reader]]
        name = "alice"
        token-file = "../pages/alice.token"
        [[alerts]]
        name = "errors"
        alert = "level>=error"
        [[alerts]]
        name = "apps"
        alert = "level>=error | count > 3 in 1d by app"
        """
    )
    edge = logger(
        "--config", "edge.toml",
        listen=[LOOPBACK], directory=tmp_path / "edge", environment=faked_time(clock),
    )  # fmt: skip
    client = Client(port)
    token = {"Authorization": f"Bearer {answers['token']}"}
    assert client.ask("/api/saved").status == 401
    requests = answers["requests"]
    for path in requests:
        if path not in ("/api/alerts", "/api/stats", "/api/saved"):
            assert client.ask(path, token).json == requests[path], path
    saved = client.ask("/api/saved", token).json
    assert (saved["saved"], saved["boards"]) == (
        requests["/api/saved"]["saved"],
        requests["/api/saved"]["boards"],
    )

    def fires() -> bool:
        found = client.ask("/api/alerts", token).json["alerts"]
        return any(one["state"] == "firing" for one in found)

    edge.wait_until(fires, "the groups that fired")
    found, then = client.ask("/api/alerts", token).json, requests["/api/alerts"]
    assert found["silences"] == then["silences"] and found["trouble"] == ""
    for key in ("name", "alert", "of", "error"):
        assert [one[key] for one in found["alerts"]] == [one[key] for one in then["alerts"]]
    [now] = [one["groups"] for one in found["alerts"] if one["name"] == "apps"]
    [groups] = [one["groups"] for one in then["alerts"] if one["name"] == "apps"]

    def told(groups: list[dict[str, object]]) -> list[str]:
        return sorted(json.dumps([one["group"], one["since"], one["silenced"]]) for one in groups)

    assert told(now) == told(groups)
