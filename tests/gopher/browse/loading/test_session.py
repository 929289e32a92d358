"""What one run of the browser keeps, and whom it trusts."""

from __future__ import annotations

from pathlib import Path

from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.url import GopherURL

PLAIN, SECURE = GopherURL("h.org"), GopherURL("h.org", tls=True)


def test_files_are_where_xdg_says(tmp_path: Path) -> None:
    session = BrowsingSession({"XDG_DATA_HOME": str(tmp_path), "XDG_DOWNLOAD_DIR": "/d"})
    assert session.bookmarks.path == tmp_path / "logsrv" / "gopher-bookmarks"
    assert session.downloads.directory == Path("/d")


def test_authorities_decide_until_the_user_does(tmp_path: Path) -> None:
    session = BrowsingSession({"XDG_DATA_HOME": str(tmp_path)})
    assert session.options_for(SECURE).trust == Trust()
    session.newly_trusted.add(SECURE.address)
    assert session.options_for(SECURE).trust.pins is not None
    assert session.options_for(PLAIN).trust == Trust()


def test_the_command_line_says_how_to_connect(tmp_path: Path) -> None:
    proxy = Proxy("127.0.0.1", 9050)
    session = BrowsingSession(
        {"XDG_DATA_HOME": str(tmp_path)}, ConnectionOptions(proxy=proxy), "cp437"
    )
    assert session.options_for(SECURE).proxy == proxy
    assert not session.options_for(SECURE).trust.accept_cut
    assert session.charset == "cp437"


def test_a_pin_counts_in_the_next_run_too(tmp_path: Path) -> None:
    (tmp_path / "logsrv").mkdir()
    (tmp_path / "logsrv" / "gopher-pins").write_text(f"h.org:70 sha256:{'0' * 64}\n")
    trust = BrowsingSession({"XDG_DATA_HOME": str(tmp_path)}).options_for(SECURE).trust
    assert trust.pins is not None and not trust.by_authority
