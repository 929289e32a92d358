"""Addresses that a person types: a Gopher URL, a host, or a file or directory of this machine.

Pass only text that the user typed: a server's text must never lead to a local file.
"""

from __future__ import annotations

import os
import stat

from logsrv.errors import ConfigurationError
from logsrv.gopher.serve.fileurl import FileURL, ItemURL
from logsrv.gopher.serve.gopherhole import Gopherhole, SelectorNotFound
from logsrv.gopher.wire.files import ENOUGH_TO_TELL, item_type_of_file
from logsrv.gopher.wire.gophermap import FILE
from logsrv.gopher.wire.url import parse_typed_url
from logsrv.kit.text.escape import one_line

# The journal, which shows that a directory is a mirror: selectors in a mirror are relative to that
# directory.
_MIRROR = b".gopher-mirror"


def resolve_typed_address(text: str) -> ItemURL:
    """Return the address that `text` means; if both a file and a host have the name, the file.

    Raises BadURL, ConfigurationError.
    """
    if text[:5].lower() == "file:":
        url = FileURL.parse(text)
        return url if "#" in text else resolve_local_path(url.path)
    is_path = text[:1] in ("/", "~") or text.partition("/")[0] in (".", "..")
    if is_path or ("://" not in text and os.path.lexists(text)):
        return resolve_local_path(os.fsencode(os.path.expanduser(text)))
    return parse_typed_url(text)


def resolve_local_path(path: bytes) -> FileURL:
    """Return the address of an existing file or directory; for a gophermap, that of its directory.

    Raises ConfigurationError.
    """
    shown = one_line(os.fsdecode(path), 4096)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            root, selector = _root_and_selector(os.path.abspath(path))
            return FileURL(root, selector=selector)
        # Resolve links first: one that the user typed may lead anywhere.
        directory, name = os.path.split(os.path.realpath(path))
        root, selector = _root_and_selector(directory)
        if name == FILE.encode() and stat.S_ISREG(mode):
            return FileURL(root, selector=selector)
        with Gopherhole(directory, hidden=True).open(name) as descriptor:
            letter = item_type_of_file(name, os.read(descriptor, ENOUGH_TO_TELL))
        return FileURL(root, letter, (selector or b"/") + name)
    except SelectorNotFound as error:
        raise ConfigurationError(f"{shown}: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{shown}: {error.strerror}") from error
    except ValueError:
        raise ConfigurationError(f"{shown}: no path can have a NUL in it") from None


def _root_and_selector(directory: bytes) -> tuple[bytes, bytes]:
    """Return the root for a directory, and the directory's selector below that root.

    In a mirror the root is the directory of the mirror; otherwise it is the directory itself.
    """
    root = directory
    while not os.path.lexists(os.path.join(root, _MIRROR)):
        if root in (b"/", b"//"):
            return directory, b""
        root = os.path.dirname(root)
    return root, directory[len(root) :] + b"/" if root != directory else b""
