"""What `make release` builds, and says of it: the same bytes, everything in them."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.parts.archives import EPOCH, ROOT
from tests.parts.scripts import script

complaints: Callable[..., Iterable[str]] = script("release/contents.py")["complaints"]


@pytest.mark.long
@pytest.mark.nightly
def test_the_same_bytes_in_another_directory_under_another_umask(building, archives, tmp_path):
    again = building.build(tmp_path / "a second, elsewhere", umask=0o077)
    assert archives.source.name == again.source.name
    assert archives.source.read_bytes() == again.source.read_bytes()
    assert archives.wheel.read_bytes() == again.wheel.read_bytes()


@pytest.mark.long
@pytest.mark.minutes(10)
def test_nothing_is_missing_and_nothing_too_much(archives):
    """From a source distribution tests and packaging can be run; the wheel has what is installed."""
    assert list(complaints(archives.kept, archives.source, archives.wheel)) == []
    assert "packaging/release/release.py" in archives.kept


@pytest.mark.long
@pytest.mark.minutes(10)
def test_a_source_distribution_says_nothing_of_who_built_it(archives):
    with tarfile.open(archives.source) as archive:
        assert {(each.uid, each.gid, each.uname, each.gname) for each in archive} == {
            (0, 0, "", "")
        }
        assert {each.mtime for each in archive} == {EPOCH}
        assert {each.mode for each in archive} == {0o644, 0o755}
        top = archive.getnames()[0]
        assert archive.getmember(f"{top}/.ci/run").mode == 0o755
        # Tests and .ci read its comments and its form, which setuptools does not keep.
        setup = archive.extractfile(f"{top}/setup.cfg")
        assert setup and setup.read() == (ROOT / "setup.cfg").read_bytes()


def source_of(path: Path, *names: str) -> Path:
    with gzip.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"logsrv-1.0/{name}"), io.BytesIO())
    return path


def wheel_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


KEPT = ("Makefile", "logsrv/__init__.py", "twisted/plugins/logsrv_plugins.py")


def test_what_an_archive_lacks_or_has_too_much(tmp_path):
    source = source_of(tmp_path / "logsrv-1.0.tar.gz", "PKG-INFO", *KEPT[1:], "logsrv/old.pyc")
    wheel = wheel_of(
        tmp_path / "logsrv-1.0.whl",
        *("logsrv-1.0.dist-info/RECORD", "logsrv/__init__.py", "twisted/__init__.py"),
    )
    assert list(complaints(KEPT, source, wheel)) == [
        "logsrv-1.0.tar.gz lacks Makefile: MANIFEST.in says what is packed",
        "logsrv-1.0.tar.gz has logsrv/old.pyc, which git does not keep or nobody installs",
        "logsrv-1.0.whl lacks twisted/plugins/logsrv_plugins.py: setup.cfg says what is packed",
        "logsrv-1.0.whl has twisted/__init__.py, which git does not keep or nobody installs",
    ]
