"""The journal of systemd, sent by the programs of systemd to a real logger."""

import json
import socket

HTTP = "journal:tcp:0:interface=127.0.0.1"
RECORDS = 1000


def text(number: int) -> str:
    kinds = ("plain", "Grüße 🎉 \u2028", "one\n  two\n", "x" * 20_000)
    return f"{number} {kinds[number % 4]}"


def entry(number: int) -> bytes:
    """Return an entry in the form of the export format and the native protocol."""
    message = text(number).encode()
    fields = b"PRIORITY=6\nSYSLOG_IDENTIFIER=shop\n_HOSTNAME=web1\n_PID=7\nNUMBER=%d\n" % number
    return fields + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n"


def test_datagrams_as_libsystemd_sends_them(logger, tmp_path):
    path = tmp_path / "journal"
    server = logger(listen=[f"journal:unixgram:{path}"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for number in range(RECORDS):
            sender.send(entry(number))
    found = [json.loads(message) for message in server.wait_for_messages(RECORDS)]
    assert [one["MESSAGE"] for one in found] == [text(number) for number in range(RECORDS)]
