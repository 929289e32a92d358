"""Datagrams as the kernel has them: received in bulk, and a count of those that it dropped.

They are received by recvmmsg(2) through ctypes, or by the portable recvmsg(2). Both return groups:
consecutive datagrams of one sender, in the order in which they arrived. The kernel drops those that are
not read fast enough.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.kit.connections.source import (
    NOBODY,
    SO_PASSCRED,
    UCRED,
    UnixSender,
    credentials_text,
)
from logsrv.kit.text.words import size_text
from logsrv.reactor import Timer

log = Logger()

# linux/udp.h; the socket module has no names for them.
SOL_UDP = 17
UDP_GRO = 104

SLOTS = 64
SLOT_SIZE = 65536
# sockaddr_un is 110 bytes long, sockaddr_in6 28.
NAME_SIZES = {socket.AF_UNIX: 128, socket.AF_INET: 32, socket.AF_INET6: 32}
CONTROL_SIZE = 64
# A struct cmsghdr with a struct ucred, and its padding (CMSG_SPACE). Exactly so many bytes: there is no
# room for anything else.
CREDENTIALS_SIZE = 32
CREDENTIALS_AT = slice(16, 28)
NO_CREDENTIALS = UCRED.pack(0, NOBODY, NOBODY)
# struct cmsghdr, and the int of UDP_GRO after it (cmsg(3)).
CMSG = struct.Struct("@Niii")

# Datagrams of one sender; `key` stands for the sender's address.
Group: TypeAlias = "tuple[Sequence[bytes], Hashable]"
# asm-generic/socket.h; the socket module has no name for it.
SO_MEMINFO = 55
# The last of the nine numbers of SO_MEMINFO is the count of drops (linux/sock_diag.h).
MEMINFO = struct.Struct("9I")
MiB = 1024**2
LOSS_CHECK_SECONDS = 1.0
LOSS_LOG_SECONDS = 10.0


class DatagramReader(Protocol):
    """A reader of datagrams.

    cut_bytes: bytes lost so far because datagrams were larger than SLOT_SIZE.
    """

    cut_bytes: int

    def read(self) -> tuple[list[Group], bool]:
        """Return waiting datagrams, a limited number, and whether there may be more."""

    def address(self, key: Hashable) -> Any:
        """Return the address that `key` stands for, as the socket module writes addresses."""


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Mmsghdr(ctypes.Structure):
    _fields_ = [("header", _Msghdr), ("length", ctypes.c_uint32)]


_WORDS = ctypes.sizeof(_Mmsghdr) // 4
_NAMELEN = _Msghdr.namelen.offset // 4
_CONTROLLEN = _Msghdr.controllen.offset // 4
_LENGTH = _Mmsghdr.length.offset // 4


def _find_recvmmsg() -> Any:
    try:
        function = ctypes.CDLL(None, use_errno=True).recvmmsg
    except (AttributeError, OSError):
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_void_p,
    ]
    return function


_recvmmsg = _find_recvmmsg()


@lru_cache(maxsize=64)
def _segment_cutter(size: int, total: int) -> struct.Struct:
    """Return a Struct that splits `total` bytes into segments of `size`; the last may be shorter."""
    whole, rest = divmod(total, size)
    return struct.Struct(f"{size}s" * whole + (f"{rest}s" if rest else ""))


class RecvmmsgReader:
    """The reader for Linux: up to SLOTS messages per system call; each may be a burst of datagrams.

    The memory is mapped, so only pages that were ever filled are in use. A datagram is copied once, out of
    its slot. For a UNIX socket the control buffer has room for the sender's credentials only, so the kernel
    closes descriptors that a sender passes along: otherwise any sender could use up ours.
    """

    available = _recvmmsg is not None and os.uname().sysname == "Linux"

    def __init__(self, udp: socket.socket) -> None:
        self.cut_bytes = 0
        self._descriptor = udp.fileno()
        self._family = udp.family
        self._control_size = CONTROL_SIZE
        if udp.family == socket.AF_UNIX:
            self._control_size = _credentials_size(udp)
        else:
            _ask_for_bursts(udp)
        self._name_size = NAME_SIZES[udp.family]
        self._data = mmap.mmap(-1, SLOTS * SLOT_SIZE)
        self._names = mmap.mmap(-1, SLOTS * self._name_size)
        self._control = mmap.mmap(-1, SLOTS * CONTROL_SIZE)
        self._starts = range(0, SLOTS * SLOT_SIZE, SLOT_SIZE)
        self._iovecs = (_Iovec * SLOTS)()
        self._headers = (_Mmsghdr * SLOTS)()
        self._lay_out_memory()
        self._view = memoryview(self._headers).cast("B")
        self._words = self._view.cast("I")
        # recvmmsg writes lengths into the headers; one copy of these bytes resets all headers.
        self._pristine = bytes(self._view)
        self._pointer = ctypes.addressof(self._headers)
        # With MSG_TRUNC Linux returns the whole length of a datagram that was shortened.
        self._flags = socket.MSG_DONTWAIT | socket.MSG_TRUNC

    def _lay_out_memory(self) -> None:
        data, names, control = (
            ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            for buffer in (self._data, self._names, self._control)
        )
        for slot in range(SLOTS):
            self._iovecs[slot].base = data + slot * SLOT_SIZE
            self._iovecs[slot].length = SLOT_SIZE
            header = self._headers[slot].header
            header.name = names + slot * self._name_size
            header.namelen = self._name_size
            header.iov = ctypes.addressof(self._iovecs[slot])
            header.iovlen = 1
            if self._control_size:
                header.control = control + slot * self._control_size
                header.controllen = self._control_size

    def read(self) -> tuple[list[Group], bool]:
        self._view[:] = self._pristine
        received = _recvmmsg(self._descriptor, self._pointer, SLOTS, self._flags, None)
        if received <= 0:
            # After EINTR there may be more. Another error is one of the network; this call has cleared it.
            return [], received < 0 and ctypes.get_errno() == errno.EINTR
        lengths = self._header_words(_LENGTH, received)
        if max(lengths) > SLOT_SIZE:
            self.cut_bytes += sum(length - SLOT_SIZE for length in lengths if length > SLOT_SIZE)
            lengths = [min(length, SLOT_SIZE) for length in lengths]
        if self._family == socket.AF_UNIX:
            return self._group_unix_senders(lengths), received == SLOTS
        controls = self._header_words(_CONTROLLEN, received)
        if not any(controls) and self._all_from_one_sender(received):
            data = self._data
            payloads = [data[at : at + n] for at, n in zip(self._starts, lengths, strict=False)]
            return [(payloads, self._names[: self._name_size])], received == SLOTS
        return self._group_by_sender(lengths, controls), received == SLOTS

    def _header_words(self, word: int, received: int) -> list[int]:
        return self._words[word : received * _WORDS : _WORDS].tolist()

    def _all_from_one_sender(self, received: int) -> bool:
        size = self._name_size
        return self._names[: size * received] == self._names[:size] * received

    def _group_by_sender(self, lengths: list[int], controls: list[int]) -> list[Group]:
        groups: list[Group] = []
        last, payloads = b"", list[bytes]()
        for slot, key in enumerate(self._sender_keys(len(lengths))):
            if key != last or not groups:
                last, payloads = key, []
                groups.append((payloads, key))
            start, length = self._starts[slot], lengths[slot]
            if controls[slot] and length:
                segments = _segment_cutter(self._segment_size(slot), length)
                payloads += segments.unpack_from(self._data, start)
            else:
                payloads.append(self._data[start : start + length])
        return groups

    def _sender_keys(self, received: int) -> list[bytes]:
        names, size = self._names, self._name_size
        return [names[at : at + size] for at in range(0, received * size, size)]

    def _group_unix_senders(self, lengths: list[int]) -> list[Group]:
        """Return the datagrams of a UNIX socket by senders: the key is a struct ucred, then the name.

        A name may be followed by bytes of a longer one that was there before.
        """
        received, data, names = len(lengths), self._data, self._names
        payloads = [data[at : at + n] for at, n in zip(self._starts, lengths, strict=False)]
        name_lengths = self._header_words(_NAMELEN, received)
        who = self._credentials(received)
        if not any(name_lengths) and who == who[:1] * received:
            # Most programs bind no path, and one of them has sent all of these.
            return [(payloads, who[0])]
        groups: list[Group] = []
        last = None
        for slot, payload in enumerate(payloads):
            start = slot * self._name_size
            key = who[slot] + names[start : start + name_lengths[slot]]
            if key != last:
                last, those = key, list[bytes]()
                groups.append((those, key))
            those.append(payload)
        return groups

    def _credentials(self, received: int) -> list[bytes]:
        """Return the struct ucred of each datagram."""
        size = self._control_size
        if not size or min(self._header_words(_CONTROLLEN, received)) < CREDENTIALS_AT.stop:
            return [NO_CREDENTIALS] * received
        control = self._control[: received * size]
        if control == control[:size] * received:
            return [control[CREDENTIALS_AT]] * received
        return [control[at : at + size][CREDENTIALS_AT] for at in range(0, received * size, size)]

    def _segment_size(self, slot: int) -> int:
        _, level, kind, size = CMSG.unpack_from(self._control, slot * CONTROL_SIZE)
        # We have enabled no other control message.
        return size if (level, kind) == (SOL_UDP, UDP_GRO) and size > 0 else SLOT_SIZE

    def address(self, key: Hashable) -> Any:
        """Read a struct sockaddr of ip(7), ipv6(7) or unix(7)."""
        assert isinstance(key, bytes)
        if self._family == socket.AF_UNIX:
            path = key[UCRED.size + 2 :]
            path = path if path.startswith(b"\0") else path.partition(b"\0")[0]
            if not self._control_size:
                return path
            return UnixSender(path, credentials_text(key[: UCRED.size]))
        (port,) = struct.unpack_from("!H", key, 2)
        if self._family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, key[4:8]), port
        flow, host, scope = struct.unpack_from("=I16sI", key, 4)
        return socket.inet_ntop(socket.AF_INET6, host), port, flow, scope


class RecvmsgReader:
    """The portable reader: one datagram per system call, on any system."""

    def __init__(self, udp: socket.socket) -> None:
        self.cut_bytes = 0
        self._socket = udp
        self._control_size = _credentials_size(udp)

    def read(self) -> tuple[list[Group], bool]:
        groups: list[Group] = []
        last, payloads = None, list[bytes]()
        for _ in range(SLOTS):
            try:
                payload, control, flags, key = self._socket.recvmsg(SLOT_SIZE, self._control_size)
            except OSError as error:
                return groups, error.errno == errno.EINTR
            # recvmsg does not tell how many bytes were cut off: at least one was.
            self.cut_bytes += bool(flags & socket.MSG_TRUNC)
            if self._control_size:
                key = os.fsencode(key or b""), control[0][2] if control else NO_CREDENTIALS
            if key != last or not groups:
                last, payloads = key, []
                groups.append((payloads, key))
            payloads.append(payload)
        return groups, True

    def address(self, key: Hashable) -> Any:
        """Return the key, which is an address already; a path, given as text, bytes or None, as bytes."""
        if isinstance(key, tuple) and self._control_size:
            path, credentials = key
            return UnixSender(path, credentials_text(credentials))
        return os.fsencode(key) if isinstance(key, str) else key or b""


def _credentials_size(bound: socket.socket) -> int:
    """Return the bytes in which the kernel tells who has sent a datagram; 0 if it is not asked for that."""
    if bound.family != socket.AF_UNIX or SO_PASSCRED is None:
        return 0
    return CREDENTIALS_SIZE if bound.getsockopt(socket.SOL_SOCKET, SO_PASSCRED) else 0


def _ask_for_bursts(udp: socket.socket) -> None:
    """Receive bursts as one buffer (UDP_GRO of udp(7)) if the kernel can."""
    try:
        udp.setsockopt(SOL_UDP, UDP_GRO, 1)
    except OSError as error:
        log.info("no UDP_GRO here, datagrams come one by one: {error}", error=str(error))


class KernelDropWatch:
    """Watches the kernel's count of dropped datagrams while there is traffic, and logs it.

    It uses a timer, not the control message of SO_RXQ_OVFL, which comes with the next datagram: that may
    never come.

    lost: datagrams dropped so far. always: true while nobody reads, so that the count is read even without
    traffic. known: whether the system tells how many it drops.
    """

    def __init__(self, label: str, reactor: IReactorTime) -> None:
        self.lost = 0
        self.always = False
        self._label = label
        self._reactor = reactor
        self._seen = 0
        self._unlogged = 0
        self._logged_at = -LOSS_LOG_SECONDS
        self._timer = Timer(reactor)
        self._socket: socket.socket | None = None
        self.known = True

    def watch_socket(self, datagrams: socket.socket) -> None:
        """Watch this socket from now on."""
        self._socket = datagrams
        self._seen = self._kernel_drop_count()
        if not self.known:
            log.info("{listener}: this system does not tell what it drops", listener=self._label)

    def check_soon(self) -> None:
        """Look soon: there is traffic, or may be."""
        if self.known and not self._timer.running:
            self._timer.start(LOSS_CHECK_SECONDS, self._check_again)

    def _check_again(self) -> None:
        self.log_new_drops()
        if self._unlogged or self.always:
            self.check_soon()

    def log_new_drops(self, *, last: bool = False) -> None:
        """Read the kernel's count, and log new drops; not too often, except for the `last` time."""
        dropped = self._kernel_drop_count()
        # The kernel's counter has 32 bits.
        new = (dropped - self._seen) & 0xFFFFFFFF
        self._seen = dropped
        self.lost += new
        self._unlogged += new
        now = self._reactor.seconds()
        if self._unlogged and (last or now - self._logged_at >= LOSS_LOG_SECONDS):
            log.warn(
                "{listener}: the kernel dropped {number} datagrams because its buffer was full{more}",
                listener=self._label,
                number=self._unlogged,
                more=self._buffer_advice(),
            )
            self._unlogged = 0
            self._logged_at = now

    def _buffer_advice(self) -> str:
        """Return the size of the buffer, and the settings that allow a larger one."""
        assert self._socket is not None
        # Linux reports the double (socket(7)).
        size = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        more = min(max(64 * MiB, 4 * size), 1024 * MiB)
        return (
            f" ({size_text(size)}); sysctl -w net.core.rmem_max={more}, "
            f"rcvbuf={more // MiB}MiB at the endpoint and a restart allow more"
        )

    def log_last_and_stop(self) -> None:
        self._timer.stop()
        self.log_new_drops(last=True)

    def _kernel_drop_count(self) -> int:
        assert self._socket is not None
        try:
            found = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size)
            return int(MEMINFO.unpack(found)[8])
        except (OSError, struct.error):
            self.known = False
            return 0
