"""Counts the datagrams that the kernel dropped because they were not read fast enough."""

from __future__ import annotations

import socket
import struct

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.kit.text.words import size_text
from logsrv.timer import Timer

log = Logger()

# asm-generic/socket.h; the socket module has no name for it.
SO_MEMINFO = 55
# The last of the nine numbers of SO_MEMINFO is the count of drops (linux/sock_diag.h).
MEMINFO = struct.Struct("9I")

MiB = 1024**2

LOSS_CHECK_SECONDS = 1.0
LOSS_LOG_SECONDS = 10.0


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
