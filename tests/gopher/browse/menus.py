"""Menus for tests, as bytes that a server sends."""

from __future__ import annotations


def item(letter: str, display: str, selector: str = "", host: str = "", port: object = "") -> bytes:
    """One line; without a host it is of the server that sends it."""
    return f"{letter}{display}\t{selector}\t{host}\t{port}\r\n".encode()


def menu(*items: bytes) -> bytes:
    return b"".join(items) + b".\r\n"
