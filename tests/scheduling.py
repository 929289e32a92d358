"""Which tests `--dist loadfile` gives to one worker: those of a file, and all of the Debian package."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

DEBIAN = "tests/debian/"


def scope_of(test: str) -> str:
    """Return the scope of a test; the package takes long to build, so all its tests share one."""
    file = test.partition("::")[0]
    return DEBIAN if file.startswith(DEBIAN) else file


class FilesTogether(LoadFileScheduling):
    """Gives all tests of a scope to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
