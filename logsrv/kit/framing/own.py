"""Framing that a plugin's author writes: a class whose objects cut the bytes of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from logsrv.errors import ConfigurationError

# The limit of a framer that is made to see whether it fits.
TRIED = 1024


@attrs.frozen
class OwnFraming:
    """A `Framing` of the author's. make: called with the most bytes of a frame; returns a framer.

    A framer has `receive(data)`, which returns the frames that these bytes complete: any objects. A
    ValueError in it is a fault of the peer, as is a sentence in its attribute `trouble`, if it has one.
    `held`, if it has one, is the number of bytes that wait for the rest of their frame. A function
    `pack(frame)` of the class returns the bytes to send; without it, frames that are sent are bytes, and go
    as they are.
    """

    make: Callable[[int], Any]

    def framer(self, max_frame: int) -> OwnFramer:
        return OwnFramer(self.make(max_frame), max_frame)

    def pack(self, frame: Any) -> bytes:
        own: Callable[[Any], bytes] | None = getattr(self.make, "pack", None)
        if own is not None:
            return own(frame)
        if not isinstance(frame, bytes):
            raise TypeError(
                f"frames of {_name(self.make)} are sent as bytes, or by a pack of its own"
            )
        return frame

    def check(self) -> None:
        """Try it with no bytes. Raises ConfigurationError with one sentence if it does not fit."""
        name = _name(self.make)
        try:
            receive = self.make(TRIED).receive
        except AttributeError as error:
            raise ConfigurationError(
                f"framing: an object of {name} has no receive(data)"
            ) from error
        except TypeError as error:
            why = f"framing: {name} has to take one argument, the most bytes of a frame: {error}"
            raise ConfigurationError(why) from error
        try:
            frames = receive(b"")
        except Exception as error:
            raise ConfigurationError(
                f"framing: {name}.receive fails without bytes: {type(error).__name__}: {error}"
            ) from error
        _checked(frames, name)


class OwnFramer:
    """A framer of the author's, with the attributes and the limit that every framer has."""

    __slots__ = ("_framer", "_most", "_since", "trouble")

    def __init__(self, framer: Any, most: int) -> None:
        self.trouble = ""
        self._framer = framer
        self._most = most
        # Bytes since the last complete frame, for a framer that does not tell what it holds.
        self._since = 0

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        held = getattr(self._framer, "held", None)
        return self._since if held is None else int(held)

    def receive(self, data: bytes) -> list[Any]:
        """Return the frames that `data` completes. Raises TypeError for what is no list of frames."""
        if self.trouble:
            return []
        try:
            frames = _checked(self._framer.receive(data), type(self._framer).__name__)
        except ValueError as error:
            self.trouble = str(error) or "a frame is not valid"
            return []
        self._since = 0 if frames else self._since + len(data)
        self.trouble = getattr(self._framer, "trouble", "")
        if not self.trouble and self.held > self._most:
            self.trouble = f"a frame is longer than {self._most} bytes"
        return frames


def _checked(frames: Any, name: str) -> list[Any]:
    if isinstance(frames, bytes | bytearray | str) or not hasattr(frames, "__iter__"):
        raise ConfigurationError(
            f"framing: {name}.receive gave {frames!r:.80}; it has to give a list of frames"
        )
    return list(frames)


def _name(make: object) -> str:
    return getattr(make, "__name__", None) or repr(make)[:80]
