"""A server that shows another certificate than before is not believed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.wire.errors import TLSError


def test_the_first_certificate_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pins"
    PinStore(path).check("a:70", b"certificate of a")
    PinStore(path).check("[::1]:70", b"certificate of b")
    PinStore(path).check("a:70", b"certificate of a")
    with pytest.raises(TLSError, match=r"remove the line of a:70 from .*pins"):
        PinStore(path).check("a:70", b"certificate of somebody else")
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["a:70", "[::1]:70"]


def test_the_file_may_be_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    path.write_text("# mine\n\n  h:70 sha256:" + "0" * 64 + "\n")
    with pytest.raises(TLSError):
        PinStore(path).check("h:70", b"x")


def test_a_program_can_see_which_servers_are_pinned(tmp_path: Path) -> None:
    pins = PinStore(tmp_path / "pins")
    assert not pins.knows("h:70")
    pins.check("h:70", b"certificate")
    assert pins.knows("h:70") and not pins.knows("h:71")


@pytest.mark.parametrize("content", [b"h:70 md5:00\n", b"\xff\n", b"h:70\n"])
def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pins"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"line 1 of .* is not a pin"):
        PinStore(path).check("h:70", b"x")
    assert path.read_bytes() == content


def test_only_one_way_to_trust_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="choose one"):
        Trust(insecure=True, cafile=tmp_path)
    with pytest.raises(ConfigurationError, match="choose one"):
        Trust(insecure=True, pins=PinStore(tmp_path))
    assert Trust().by_authority and not Trust(insecure=True).by_authority


def test_nobodys_pin_is_lost_when_several_learn_one(tmp_path: Path) -> None:
    """As a mirror and a browser beside it do."""
    path = tmp_path / "pins"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from logsrv.gopher.fetch.trust import PinStore\n"
        "for number in range(50):\n"
        "    PinStore(Path(sys.argv[1])).check(f'{sys.argv[2]}{number}:70', b'der')\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    learning = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [each.wait(60) for each in learning] == [0, 0, 0]
    assert len(path.read_text().splitlines()) == 150
