"""Removes the files of an environment that logsrv never loads: python lighten.py FOLDER [--strip]

FOLDER is a virtual environment: of `make run`, of the Debian package, of the image. A third of it is
removed, mostly parts of PyArrow for other programs. They come back with
`pip install --force-reinstall --no-deps pyarrow`. Afterwards the environment's own Python loads what logsrv
loads, and writes and reads a file as columns are, so that a release of PyArrow with other parts fails here.

--strip also removes the symbols of libraries, which only debuggers read. Not of a package whose maker has
changed libraries after linking (it has a folder NAME.libs): a stripper may break those.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UNNEEDED = {
    "pyarrow": (
        # Servers and clients of Arrow's own protocol.
        "*flight*",
        # Amazon's library; we read and write objects with obstore.
        "*_s3*",
        "*_pyarrow_cpp_tests*",
        # For who compiles against Arrow: headers, sources, names without a version, and the full version.
        "include",
        "includes",
        "src",
        "libarrow*.so",
        "libarrow*.so.*.*.*",
        "*.pyx",
        "*.pxd",
        "*.pxi",
        "*.h",
        "tests",
    ),
    # Its tests, and what compiles against it.
    "numpy": (
        *("**/tests", "_core/_simd.*", "_core/*_tests.*"),
        *("f2py", "distutils", "_core/include", "**/*.pxd", "**/*.a"),
    ),
    # For Pythons other than CPython, which takes backend_c.
    "zstandard": ("_cffi.*", "backend_cffi.py"),
}
STRIPPED = ("pyarrow", "zstandard", "cryptography")
_TRY = """
import io
import numpy, numpy.lib.stride_tricks, zstandard
import pyarrow as pa, pyarrow.compute, pyarrow.ipc, pyarrow.parquet as pq
assert zstandard.backend == "cext", zstandard.backend
text = pa.array(["a", "b", "a"]).dictionary_encode()
pairs = pa.array([[("k", "v")], [], []], pa.map_(pa.string(), pa.string()))
table = pa.table({"position": pa.array([1, 2, 3]), "text": text, "fields": pairs})
file = io.BytesIO()
pq.write_table(table, file, compression="zstd", use_dictionary=["text"], row_group_size=2,
    column_encoding={"position": "DELTA_BINARY_PACKED"}, write_page_checksum=True)
read = pq.ParquetFile(file).read_row_group(1, columns=["position"]).column(0).to_pylist()
assert read == [3], read
"""


def unneeded(packages: Path) -> Iterator[Path]:
    """Yield the files and folders below `packages` (site-packages) that can go."""
    for name, patterns in UNNEEDED.items():
        for pattern in patterns:
            yield from (packages / name).glob(pattern)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def strip_libraries(packages: Path) -> list[Path]:
    """Strip the libraries of STRIPPED; return them."""
    found = [
        path
        for name in STRIPPED
        if not (packages / f"{name}.libs").exists()
        for path in sorted((packages / name).rglob("*.so*"))
    ]
    for path in found:
        # A file of its own: uv links what it installs to its cache, and so to other environments.
        new = path.with_name(path.name + ".stripped")
        subprocess.run(["strip", "--strip-unneeded", "-o", new, path], check=True)
        new.chmod(path.stat().st_mode)
        new.replace(path)
    return found


def lighten(folder: Path, *, strips: bool = False) -> None:
    """Remove what is not needed from the environment `folder`, and try that the rest suffices."""
    for packages in folder.glob("lib/python3*/site-packages"):
        for path in list(unneeded(packages)):
            remove(path)
        if strips:
            strip_libraries(packages)
        if (packages / "pyarrow").exists():
            subprocess.run([str(folder / "bin/python"), "-BP", "-c", _TRY], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Remove what logsrv never loads.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--strip", action="store_true", help="strip libraries, too")
    given = parser.parse_args()
    try:
        lighten(given.folder.resolve(), strips=given.strip)
    except subprocess.CalledProcessError:
        sys.exit("lighten.py: the environment lacks a file now that logsrv loads: see UNNEEDED")
