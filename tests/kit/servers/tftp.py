"""TFTP (RFC 1350): files of a folder, to read. A peer that does not hear an answer asks again."""

import struct
from pathlib import Path

import attrs

from logsrv.kit import (
    DIRECTORY,
    REQUIRED,
    Datagrams,
    PeerError,
    Sender,
    option,
    protocol_plugin,
    read_file,
)

READ, DATA, ACKNOWLEDGEMENT, ERROR = 1, 3, 4, 5
NOT_FOUND, BLOCK, LARGEST, MOST = 1, 512, 16 * 1024 * 1024, 100


@attrs.frozen(kw_only=True)
class Options:
    folder: Path = option(REQUIRED, DIRECTORY, "the folder whose files may be read")


class Tftp(Datagrams[Options, dict[str, bytes]]):
    """`service.state` has the file that each peer reads; the oldest of too many peers is forgotten."""

    max_answers = None

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        reading = self.service.state
        code, rest = data[:2], data[2:]
        if code == struct.pack("!H", READ):
            name = rest.partition(b"\0")[0].decode("ascii", "replace")
            path = self.service.settings.folder / Path(name).name
            try:
                reading[peer.source] = read_file(path, LARGEST)
            except (OSError, ValueError):
                self.send(struct.pack("!HH", ERROR, NOT_FOUND) + b"no such file\0", peer)
                return
            if len(reading) > MOST:
                del reading[next(iter(reading))]
            self.send_block(1, peer)
        elif (
            code == struct.pack("!H", ACKNOWLEDGEMENT) and len(rest) == 2 and peer.source in reading
        ):
            number = int.from_bytes(rest, "big")
            if number * BLOCK > len(reading[peer.source]):
                del reading[peer.source]
            else:
                self.send_block(number + 1, peer)
        else:
            raise PeerError("this is neither a request to read nor an acknowledgement")

    def send_block(self, number: int, peer: Sender) -> None:
        block = self.service.state[peer.source][(number - 1) * BLOCK : number * BLOCK]
        self.send(struct.pack("!HH", DATA, number) + block, peer)


plugin = protocol_plugin("tftp", Tftp, Options, state=lambda service: {}, listen="udp:69")
