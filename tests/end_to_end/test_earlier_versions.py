"""A server goes on with the store of an earlier version: nothing is sent, archived or alerted twice."""

import shutil
import sys

import pytest

from tests.parts.archived_stores import ARCHIVES, unpack_stores
from tests.parts.daemons import LOOPBACK
from tests.parts.store_reader import stored_bytes

pytestmark = pytest.mark.slow

NOTE = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
NEW = b"<11>1 - - shop - - - needle-of-today\n"


@pytest.mark.parametrize("stores", ARCHIVES, ids=lambda path: path.name)
def test_edge_and_centre_go_on_with_stores_of_an_earlier_version(tmp_path, logger, stores):
    unpack_stores(stores, tmp_path)
    for name in ("edge", "centre"):
        (tmp_path / "moved").mkdir()
        shutil.move(tmp_path / name, tmp_path / "moved" / "store")
        (tmp_path / "moved").rename(tmp_path / name)
    (tmp_path / "token").write_text("corpus")
    centre = logger(
        "--input-token-file", "../token",
        listen=["blocks:tcp:0:interface=127.0.0.1"], directory=tmp_path / "centre",
    )  # fmt: skip
    command = f'{sys.executable} -c "{NOTE}" {tmp_path}/alerts'
    (tmp_path / "edge" / "edge.toml").write_text(
        f"""
        rotate-size = "1"
        ship-token-file = "../token"
        [[ship]]
        name = "centre"
        ship = "http://127.0.0.1:{centre.port()}/blocks"
        [[ship]]
        name = "archive"
        ship = "file://{tmp_path}/archive"
        [[alerts]]
        name = "errors"
        alert = "level>=error"
        alert-command = '''{command}'''
        """
    )
    edge = logger("--config", "edge.toml", listen=[LOOPBACK], directory=tmp_path / "edge")
    before = stored_bytes(edge.store)
    archived = set(tmp_path.glob("archive/*/*.json"))
    edge.send(NEW)
    centre.wait_until(lambda: b"needle-of-today" in stored_bytes(centre.store), "the new line")
    assert stored_bytes(centre.store) == stored_bytes(edge.store)
    assert stored_bytes(edge.store).startswith(before)
    # What was active then is sealed now, and so is the new line.
    edge.wait_until(lambda: len(set(tmp_path.glob("archive/*/*.json")) - archived) == 2, "archive")
    # A message that is not due yet is sent at the stop.
    edge.stop()
    assert (tmp_path / "alerts").read_bytes().count(b"needle") == 1
    for server in (edge, centre):
        assert "damaged" not in server.log() and "ERROR" not in server.log()
