"""Zstandard to read with: what the package zstandard is made of, in half a millisecond.

Loading the package takes eleven, for modules that are not needed to decompress: a quarter of a search
for a rare word. It is loaded where this part of it is not to be found, and can be loaded later beside it.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from types import ModuleType

_PACKAGE, _PART = "zstandard", "zstandard.backend_c"


def _loaded() -> ModuleType:
    if _PART not in sys.modules:
        package = PathFinder.find_spec(_PACKAGE)
        places = package.submodule_search_locations if package else None
        part = PathFinder.find_spec(_PART, places) if places else None
        if part is None or part.loader is None:
            return __import__(_PACKAGE)
        module = part.loader.create_module(part)
        assert module is not None
        part.loader.exec_module(module)
        sys.modules[_PART] = module
    return sys.modules[_PART]


_zstandard = _loaded()
ZstdDecompressor = _zstandard.ZstdDecompressor
ZstdError = _zstandard.ZstdError
CONTENTSIZE_UNKNOWN = _zstandard.CONTENTSIZE_UNKNOWN
frame_content_size = _zstandard.frame_content_size
frame_header_size = _zstandard.frame_header_size
get_frame_parameters = _zstandard.get_frame_parameters
