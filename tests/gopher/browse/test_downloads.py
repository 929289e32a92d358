"""A download is a whole file under its name, or nothing and a reason."""

import asyncio
import socket
from pathlib import Path

import pytest

from logsrv.gopher.browse.downloads import (
    BackgroundDownload,
    Downloads,
    download_directory,
    unused_path,
)
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import until
from tests.parts.gopher_servers import Scripted

pytestmark = pytest.mark.slow

TIMEOUTS = Limits(first_byte=PATIENCE, between=PATIENCE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def finished(directory: Path, server: Scripted, *paths: str) -> list[BackgroundDownload]:
    async def scenario() -> list[BackgroundDownload]:
        downloads = Downloads(directory)
        for path in paths:
            downloads.start(GopherURL.parse(server.url(path)), ConnectionOptions(TIMEOUTS))
        await until(lambda: not downloads.running, "the downloads")
        return downloads.all

    return asyncio.run(scenario())


def test_the_file_is_what_was_sent(serve, directory):
    content = bytes(range(256)) * 10_000
    (download,) = finished(directory, serve(content), "/9/dir/file.bin")
    assert download.state == "saved" and download.received == len(content)
    assert (directory / "file.bin").read_bytes() == content


def test_two_of_the_same_name_do_not_meet(serve, directory):
    finished(directory, serve(b"x"), "/9/a/file", "/9/b/file")
    assert sorted(path.name for path in directory.iterdir()) == ["file", "file-2"]


def test_a_text_is_saved_without_terminator(serve, directory):
    finished(directory, serve(b"..a\r\n.\r\n"), "/0/a.txt")
    assert (directory / "a.txt").read_bytes() == b".a\r\n"


def test_a_failure_leaves_nothing_but_its_sentence(serve, directory):
    (download,) = finished(directory, serve(b"3gone\t\terror.host\t1\r\n"), "/9/x")
    assert download.state == "failed" and "gone" in download.reason
    assert list(directory.iterdir()) == []


def test_the_size_that_a_server_tells_is_known(serve, directory):
    (download,) = finished(directory, serve(b"+5\r\nhello"), "/9/x%09%09+")
    assert (download.state, download.length) == ("saved", 5)


async def test_one_that_is_stopped_leaves_nothing(serve, directory):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"some")
        connection.recv(1)

    downloads = Downloads(directory)
    download = downloads.start(
        GopherURL.parse(serve(script).url("/9/x")), ConnectionOptions(TIMEOUTS)
    )
    await until(lambda: download.received, "some bytes")
    assert downloads.running == 1
    await downloads.stop(download)
    assert (download.state, downloads.running) == ("stopped", 0)
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["/9/../../etc/x", "/9/..%5C..%5Cx", "/9/.x", "/9/-x", "/9/x%1B%5B2J"]
)
def test_no_selector_leads_out_of_the_directory(serve, directory, path):
    (download,) = finished(directory, serve(b"x"), path)
    assert download.state == "saved" and download.path.parent == directory
    assert download.path.name[0] not in ".-" and download.path.name.isprintable()


def test_a_file_that_appears_meanwhile_is_not_replaced(serve, directory):
    def script(connection: socket.socket, _: bytes) -> None:
        (directory / "x").write_text("mine")
        connection.sendall(b"theirs")

    (download,) = finished(directory, serve(script), "/9/x")
    assert download.state == "failed" and "nothing was replaced" in download.reason
    assert [path.read_text() for path in directory.iterdir()] == ["mine"]


def test_a_directory_that_cannot_be_is_a_sentence(serve, tmp_path):
    (tmp_path / "file").touch()
    (download,) = finished(tmp_path / "file", serve(b"x"), "/9/x")
    assert download.state == "failed" and "file" in download.reason


def test_the_download_directory_is_that_of_xdg_else_downloads_else_the_current_one(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download_directory({"XDG_DOWNLOAD_DIR": "/d"}) == Path("/d")
    assert download_directory({}) == Path.cwd()
    (tmp_path / "Downloads").mkdir()
    assert download_directory({}) == tmp_path / "Downloads"


def test_no_file_is_overwritten(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "a-2.txt").symlink_to("nowhere")
    taken = {tmp_path / "a-3.txt"}
    assert unused_path(tmp_path, "a.txt", taken) == tmp_path / "a-4.txt"
    assert unused_path(tmp_path, "b", set()) == tmp_path / "b"
