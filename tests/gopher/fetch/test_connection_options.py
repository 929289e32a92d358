"""Pins, the `proxy` and the places of files: what cannot be is refused in a sentence."""

import fcntl
import os
import subprocess
import sys
from threading import Thread

import pytest

from logsrv.descriptor import Descriptor
from logsrv.errors import ConfigurationError
from logsrv.gopher import Proxy
from logsrv.gopher.fetch.connection_options import (
    ConnectionOptions,
    PinnedConnections,
    PinStore,
    Trust,
    data_directory,
    pins_path,
)
from logsrv.gopher.fetch.proxy import SocksHandshake
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.waits import join, start_and_await_lock


def test_the_first_certificate_is_remembered(tmp_path):
    path = tmp_path / "new" / "pins"
    PinStore(path).check_or_pin("a:70", "a" * 64)
    PinStore(path).check_or_pin("[::1]:70", "b" * 64)
    PinStore(path).check_or_pin("a:70", "a" * 64)
    with pytest.raises(TLSError, match=r"remove the line of a:70 from .*pins"):
        PinStore(path).check_or_pin("a:70", "c" * 64)
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["a:70", "[::1]:70"]


def test_the_file_may_be_edited_by_hand(tmp_path):
    path = tmp_path / "pins"
    path.write_text("# mine\n\n  h:70 sha256:" + "0" * 64 + "\n")
    with pytest.raises(TLSError):
        PinStore(path).check_or_pin("h:70", "f" * 64)


def test_a_program_can_see_which_servers_are_pinned(tmp_path):
    pins = PinStore(tmp_path / "pins")
    assert not pins.has_pin("h:70")
    pins.check_or_pin("h:70", "f" * 64)
    assert pins.has_pin("h:70") and not pins.has_pin("h:71")


@pytest.mark.parametrize("content", [b"h:70 md5:00\n", b"\xff\n", b"h:70\n"])
def test_a_file_of_something_else_is_not_overwritten(tmp_path, content):
    path = tmp_path / "pins"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"line 1 of .* is not a pin"):
        PinStore(path).check_or_pin("h:70", "f" * 64)
    assert path.read_bytes() == content


def test_only_one_way_to_trust_at_a_time(tmp_path):
    with pytest.raises(ConfigurationError, match="choose one"):
        Trust(insecure=True, cafile=tmp_path)
    with pytest.raises(ConfigurationError, match="choose one"):
        Trust(insecure=True, pins=PinStore(tmp_path))
    assert Trust().checks_authority and not Trust(insecure=True).checks_authority


def test_nobodys_pin_is_lost_when_several_learn_one(tmp_path):
    """As a mirror and a browser beside it do."""
    path = tmp_path / "pins"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from logsrv.gopher.fetch.connection_options import PinStore\n"
        "for number in range(50):\n"
        "    PinStore(Path(sys.argv[1])).check_or_pin(f'{sys.argv[2]}{number}:70', '0' * 64)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    learning = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [each.wait(PATIENCE) for each in learning] == [0, 0, 0]
    assert len(path.read_text().splitlines()) == 150


def test_the_pin_of_the_first_of_two_programs_at_once_is_for_both(tmp_path):
    """Two ask a new server at the same moment, and somebody between one of them and it has another key."""
    path, refused = tmp_path / "pins", list[str]()

    def learn() -> None:
        with pytest.raises(TLSError) as caught:
            PinStore(path).check_or_pin("h:70", "f" * 64)
        refused.append(str(caught.value))

    second = Thread(target=learn, name="the second")
    with Descriptor(os.open(tmp_path, os.O_RDONLY)) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        start_and_await_lock(second, folder)
        path.write_text(f"h:70 sha256:{'0' * 64}\n")
    join(second)
    assert len(refused) == 1 and "is not the one that was seen first" in refused[0]
    assert path.read_text() == f"h:70 sha256:{'0' * 64}\n"


def test_how_a_proxy_is_written():
    assert Proxy.parse("socks5://localhost:9050") == Proxy("localhost", 9050)
    assert Proxy.parse("socks5h://[::1]:9050/") == Proxy("::1", 9050)
    assert str(Proxy.parse("socks5://[::1]:9050")) == "socks5://[::1]:9050"
    for text in (
        "http://h:1",
        "h:1",
        "socks5://h",
        "socks5://me:pass@h:1",
        "socks5://h:0",
        "socks5://1.?:1",
    ):
        with pytest.raises(ConfigurationError, match=r"socks5://127\.0\.0\.1:9050"):
            Proxy.parse(text)
    with pytest.raises(ConfigurationError) as caught:
        Proxy.parse("socks5://\x1b[2J:1")
    assert "\x1b" not in str(caught.value)


def test_data_directory_is_in_xdg_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory({"XDG_DATA_HOME": "/data"}) == "/data/logsrv"
    assert data_directory({"XDG_DATA_HOME": "relative"}) == str(tmp_path / ".local/share/logsrv")
    assert pins_path({"XDG_DATA_HOME": "/data"}) == "/data/logsrv/gopher-pins"


def test_without_a_home_nothing_is_kept_in_a_directory_of_that_sign(monkeypatch):
    monkeypatch.setenv("HOME", "~")
    with pytest.raises(ConfigurationError, match="set HOME"):
        data_directory({})


def test_bytes_behind_the_reply_of_a_proxy_are_the_servers():
    talk = SocksHandshake(Proxy("127.0.0.1", 9050), "example.org", 70)
    assert talk.feed(b"\5\0") == b""
    assert talk.feed(b"\5\0\0\1\0\0\0\0\0\0hello") == b"hello" and talk.ready
    assert talk.feed(b" and more") == b" and more"


PLAIN, SECURE = GopherURL("h.org"), GopherURL("h.org", tls=True)


def test_authorities_decide_until_the_user_does(tmp_path):
    connections = PinnedConnections({"XDG_DATA_HOME": str(tmp_path)})
    assert connections.options_for(SECURE).trust == Trust()
    connections.newly_trusted.add(SECURE.address)
    assert connections.options_for(SECURE).trust.pins is not None
    assert connections.options_for(PLAIN).trust == Trust()


def test_the_command_line_says_how_to_connect(tmp_path):
    usual = ConnectionOptions(proxy=Proxy("127.0.0.1", 9050))
    connections = PinnedConnections({"XDG_DATA_HOME": str(tmp_path)}, usual)
    assert connections.options_for(SECURE) == usual
    assert connections.options_for(SECURE, accept_cut=True).trust.accept_cut


def test_a_pin_counts_in_the_next_run_too(tmp_path):
    (tmp_path / "logsrv").mkdir()
    (tmp_path / "logsrv" / "gopher-pins").write_text(f"h.org:70 sha256:{'0' * 64}\n")
    trust = PinnedConnections({"XDG_DATA_HOME": str(tmp_path)}).options_for(SECURE).trust
    assert trust.pins is not None and not trust.checks_authority
