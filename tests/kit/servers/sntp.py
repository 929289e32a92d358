"""SNTP (RFC 4330): the time for whoever asks, in a datagram as long as the question."""

import struct
import time

from logsrv.kit import Datagrams, PeerError, Sender, protocol_plugin

# Seconds from 1900, where NTP begins, to 1970.
SINCE_1900 = 2_208_988_800
CLIENT, SERVER = 3, 4


def stamp(seconds: float) -> bytes:
    return struct.pack("!Q", int((seconds + SINCE_1900) * 2**32))


def answer(question: bytes, received: float, sent: float) -> bytes:
    """Return the answer: stratum 1, a precision of a microsecond, the local clock as its source."""
    version = question[0] >> 3 & 7
    head = struct.pack("!BBbb2I4s", version << 3 | SERVER, 1, question[2], -20, 0, 0, b"LOCL")
    return head + stamp(received) + question[40:48] + stamp(received) + stamp(sent)


class Sntp(Datagrams):
    max_answers = 1000
    answer_burst = 10_000
    lowest_port = 123

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        received = time.time()
        if len(data) < 48 or data[0] & 7 != CLIENT:
            raise PeerError("what was sent is no question of SNTP")
        self.send(answer(data, received, time.time()), peer)


plugin = protocol_plugin("sntp", Sntp, listen="udp:123")
