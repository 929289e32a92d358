"""Framing that a plugin's author writes: a class whose objects split the bytes of a connection."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import attrs

from logsrv.errors import ConfigurationError

DEFAULT_MAX_FRAME = 1024 * 1024
# The most bytes of a frame, for the framer that `check` makes.
TRIAL_LIMIT = 1024
# Iterable, but no frames are in them: an author's `receive` must not return these.
NOT_FRAMES = bytes, bytearray, str


class UnfitFramer(TypeError):
    """The author's object is no framer: a method is missing, or gives a wrong type."""


def is_own_framing(framing: object) -> bool:
    """Return whether `framing` is a class of the author's, or a function that makes framers."""
    return callable(framing) and not hasattr(framing, "framer")


@attrs.frozen
class OwnFraming:
    """A `Framing` of the author's. make: called with the most bytes of a frame; returns a framer.

    A framer has `receive(data)`, which returns or yields the frames that these bytes complete: any
    objects. A ValueError in it is a fault of the peer. So is a sentence in the framer's attribute `fault`,
    which is optional. `unfinished_bytes`, optional too, is the number of bytes that wait for the rest of
    their frame. A function `pack(frame)` of the class returns the bytes to send; without it, frames that
    are sent are bytes, and go as they are.
    """

    make: Callable[[int], Any]

    def framer(self, max_frame: int) -> OwnFramer:
        return OwnFramer(self.make, max_frame)

    @property
    def packs(self) -> bool:
        """Return whether the author's class packs frames."""
        return hasattr(self.make, "pack")

    def pack(self, frame: Any) -> bytes:
        own: Callable[[Any], bytes] | None = getattr(self.make, "pack", None)
        data = frame if own is None else own(frame)
        if not isinstance(data, bytes):
            name = _maker_name(self.make)
            if own is None:
                raise TypeError(
                    f"send_frame takes bytes, not {frame!r:.60}: {name} has no pack(frame)"
                )
            raise TypeError(
                f"{name}.pack returned {data!r:.60} for {frame!r:.60}; it has to return bytes"
            )
        return data

    def check(self, name: str) -> None:
        """Try the author's class with `receive(b"")`. Raises ConfigurationError if it is unfit.

        A `pack` that needs more than a frame, such as `self`, is unfit too: one frame may go to many
        connections. name: that of the attribute, such as `Redis.framing`.
        """
        framer, made = OwnFramer(self.make, TRIAL_LIMIT), _maker_name(self.make)
        if not can_take(getattr(self.make, "pack", repr), b""):
            raise ConfigurationError(
                f"{name}: {made}.pack is called with a frame alone: write @staticmethod above it"
            )
        try:
            framer.receive(b"")
        except UnfitFramer as error:
            raise ConfigurationError(f"{name}: {error}") from error
        except Exception as error:
            raise ConfigurationError(
                f"{name}: {made}({TRIAL_LIMIT}).receive(b'') raises {type(error).__name__}: "
                f"{error!s:.200}; it is made with the most bytes of a frame, and takes bytes"
            ) from error
        if framer.fault:
            raise ConfigurationError(
                f"{name}: {made} reports a fault before it has any bytes: {framer.fault}"
            )


class OwnFramer:
    """A framer of the author's, with the attributes and the limit that every framer has.

    fault, unfinished_bytes: as in `Framer`. The author's code runs in `receive` alone.
    """

    __slots__ = ("_framer", "_make", "_most", "fault", "unfinished_bytes")

    def __init__(self, make: Callable[[int], Any], most: int) -> None:
        self.fault = ""
        self.unfinished_bytes = 0
        self._make = make
        self._framer: Any = None
        self._most = most

    def receive(self, data: bytes) -> list[Any]:
        """Return the frames that `data` completes, also those before a fault; none after it.

        Raises UnfitFramer if the author's object is none, and the errors of its code.
        """
        frames: list[Any] = []
        end = 0
        while not self.fault:
            # Each piece has the bytes that a frame may still have, and one more: so what is too long does
            # not depend on how the network cut the bytes.
            begin, end = end, end + self._most + 1 - self.unfinished_bytes
            self._receive_piece(data[begin:end], frames)
            if end >= len(data):
                return frames
        self.unfinished_bytes += max(0, len(data) - end)
        return frames

    def _receive_piece(self, data: bytes, frames: list[Any]) -> None:
        """Append the frames that `data` completes."""
        before = len(frames)
        framer = self._framer
        if framer is None:
            framer = self._framer = self._make(self._most)
            if not callable(getattr(framer, "receive", None)):
                raise UnfitFramer(f"an object of {_maker_name(self._make)} has no receive(data)")
        try:
            came = framer.receive(data)
            if type(came) is not list and (
                isinstance(came, NOT_FRAMES) or not hasattr(came, "__iter__")
            ):
                raise UnfitFramer(
                    f"{_maker_name(self._make)}.receive returned {came!r:.80}; "
                    "it has to return a list of frames"
                )
            # Keeps what a generator has yielded before it raises.
            frames.extend(came)
        except ValueError as error:
            self.fault = str(error)[:1000] or "a frame is not valid"
        unfinished = getattr(framer, "unfinished_bytes", None)
        complete = len(frames) > before
        most = len(data) if complete else self.unfinished_bytes + len(data)
        if unfinished is None:
            unfinished = 0 if complete else most
        elif type(unfinished) is not int:
            raise UnfitFramer(
                f"{_maker_name(self._make)}.unfinished_bytes is {unfinished!r:.80}; it has to be a number"
            )
        self.fault = self.fault or str(getattr(framer, "fault", "") or "")
        if unfinished > self._most and not self.fault:
            self.fault = f"a frame is longer than {self._most} bytes"
        # A framer may tell the announced length of its frame, of which fewer bytes have come.
        self.unfinished_bytes = most if self.fault else min(unfinished, most)


def can_take(function: Callable[..., Any], *arguments: object) -> bool:
    """Return whether a function or class can be called with these arguments, as far as can be known."""
    try:
        signature(function).bind(*arguments)
    except ValueError:
        # Some functions of Python's own have no signature.
        return True
    except TypeError:
        return False
    return True


def _maker_name(make: object) -> str:
    return getattr(make, "__name__", None) or repr(make)[:80]
