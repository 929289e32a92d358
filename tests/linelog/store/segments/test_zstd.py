"""Zstandard is there without its package, and the package beside it is the same."""

from __future__ import annotations

import subprocess
import sys


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_what_the_package_makes_is_read_without_it() -> None:
    code = """if True:
        import sys
        from logsrv.linelog.store.segments import zstd
        alone = "zstandard" not in sys.modules
        import zstandard
        packed = zstandard.ZstdCompressor().compress(b"some text")
        print(alone, zstd.ZstdDecompressor().decompress(packed), zstd.ZstdError is zstandard.ZstdError)
    """
    assert python(code) == "True b'some text' True\n"


def test_the_package_is_loaded_where_that_part_of_it_is_not_found() -> None:
    code = """if True:
        from importlib.machinery import PathFinder
        import zstandard, sys
        del sys.modules["zstandard.backend_c"]
        find = PathFinder.find_spec
        PathFinder.find_spec = lambda name, *more: None if "zstandard" in name else find(name, *more)
        from logsrv.linelog.store.segments import zstd
        print(zstd.ZstdError is zstandard.ZstdError)
    """
    assert python(code) == "True\n"
