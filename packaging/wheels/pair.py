"""Makes the archives of both distributions from those of the whole tree.

    python pair.py SOURCE WHEEL OUT

Writes into OUT: both wheels, and the source distribution of logsrv-kit. That of logsrv is the whole tree.
The same archives give the same bytes. Needs only Python.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path

from parts import is_in_kit_source, kit_metadata, metadata_bytes, read_wheel, split, write_wheel


def pair(source: Path, wheel: Path, out: Path) -> list[Path]:
    """Return the paths of the kit's source distribution, its wheel, and the wheel of the rest."""
    out.mkdir(parents=True, exist_ok=True)
    whole = read_wheel(wheel)
    kit = out / f"logsrv_kit-{whole.version}.tar.gz"
    kit.write_bytes(kit_source(source, metadata_bytes(kit_metadata(whole)), kit.name))
    return [kit, *(write_wheel(each, out) for each in split(whole))]


def kit_source(source: Path, metadata: bytes, name: str) -> bytes:
    """Return the kit's source distribution: its files, and a backend that builds the kit alone."""
    top = name.removesuffix(".tar.gz")
    packed = io.BytesIO()
    with tarfile.open(source) as old:
        members = [each for each in old.getmembers() if each.isreg()]
        time = int(members[0].mtime)
        with (
            gzip.GzipFile("", "wb", fileobj=packed, mtime=time) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in members:
                path = member.name.partition("/")[2]
                opened = old.extractfile(member)
                assert opened is not None
                data = opened.read()
                if path == "PKG-INFO":
                    data = metadata
                elif path == "pyproject.toml":
                    data = data.replace(b'"whole_backend"', b'"kit_backend"')
                elif not is_in_kit_source(path):
                    continue
                member.name, member.size = f"{top}/{path}", len(data)
                new.addfile(member, io.BytesIO(data))
    return packed.getvalue()


if __name__ == "__main__":
    print(*pair(*map(Path, sys.argv[1:4])), sep="\n")
