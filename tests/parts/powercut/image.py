"""The contents of a directory as a cut may leave it, and code that writes it to a disk."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.parts.powercut.history import DIRECTORY


@attrs.frozen
class Image:
    """The paths, each with its node, and the text of each node that is a file: a file may have
    two names.
    """

    entries: Mapping[str, int]
    texts: Mapping[int, bytes]

    def digest(self) -> bytes:
        """Return a hash of the names and contents."""
        found = hashlib.blake2b(digest_size=16)
        first: dict[int, str] = {}
        for path, node in sorted(self.entries.items()):
            text = self.texts.get(node, b"")
            found.update(f"{path}\0{first.setdefault(node, path)}\0{len(text)}\0".encode())
            if first[node] == path:
                found.update(text)
        return found.digest()

    def write(self, root: Path) -> None:
        """Create the contents below `root`, which exists and is empty."""
        first: dict[int, Path] = {}
        for path, node in sorted(self.entries.items()):
            place = root / path
            if node == DIRECTORY:
                place.mkdir(exist_ok=True)
            elif node in first:
                os.link(first[node], place)
            else:
                place.write_bytes(self.texts[node])
                first[node] = place
