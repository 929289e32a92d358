"""The virtual environment of the package: the same bytes wherever it was made."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.parts.scripts import script

write_records: Callable[[Path], None] = script("debian/environment.py")["write_records"]
stanzas: Callable[[Path], Iterator[str]] = script("debian/copyright.py")["stanzas"]

SCRIPT = b"#!/opt/logsrv/bin/python\nprint()\n"


def environment(folder: Path, built_in: str) -> Path:
    """Make an environment with a script whose sum is of another first line; return the list of files."""
    packages = folder / "lib/python3.11/site-packages"
    record = packages / "demo-1.dist-info/RECORD"
    record.parent.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/demo").write_bytes(SCRIPT)
    (packages / "a,b.py").touch()
    record.write_text(
        f"../../../bin/demo,sha256={built_in},99\n"
        f"demo-1.dist-info/direct_url.json,sha256={built_in},63\n"
        "demo-1.dist-info/RECORD,,\n"
        '"a,b.py",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n'
    )
    return record


def test_lists_of_files_tell_what_is_there_and_not_where_it_was_made(tmp_path):
    records = [environment(tmp_path / name, name) for name in ("one", "two")]
    for name in ("one", "two"):
        write_records(tmp_path / name)
    digest = base64.urlsafe_b64encode(hashlib.sha256(SCRIPT).digest()).decode().rstrip("=")
    assert records[0].read_bytes() == records[1].read_bytes()
    assert records[0].read_text().splitlines() == [
        f"../../../bin/demo,sha256={digest},{len(SCRIPT)}",
        "demo-1.dist-info/RECORD,,",
        '"a,b.py",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0',
    ]


def test_a_wheel_without_the_text_of_its_licence_has_that_of_ours_if_it_is_the_same(tmp_path):
    packages = tmp_path / "lib/python3.11/site-packages"
    for name, licence in (("one", "MIT"), ("two", "BSD-3-Clause")):
        record = packages / f"{name}-1.dist-info/METADATA"
        record.parent.mkdir(parents=True)
        record.write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\nLicense-Expression: {licence}\n"
        )
    assert [each.splitlines()[-1].strip() for each in stanzas(tmp_path)] == [
        "none in its wheel: it is that of Expat above",
        "none in its wheel",
    ]
