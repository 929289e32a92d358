"""The `python` input with the handlers of Python's logging."""

import json
import logging
import logging.handlers
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_thousand_log_records_are_stored_once(logger, transport):
    """Each record is stored once, with Unicode, several lines, 20 KB, extras and a traceback."""
    server = logger(listen=[f"python:{transport}:0:interface=127.0.0.1:rcvbuf=4194304"
                            if transport == "udp" else "python:tcp:0:interface=127.0.0.1"])  # fmt: skip
    kind = {
        "tcp": logging.handlers.SocketHandler,
        "udp": logging.handlers.DatagramHandler,
    }[transport]
    handler = kind("127.0.0.1", server.port())
    source = logging.Logger("app")
    source.addHandler(handler)
    for number in range(998):
        source.info(
            "grüße %d\nin two lines \U0001f600", number, extra={"n": number, "of": [1, None]}
        )
        if number % 50 == 49:
            server.wait_for_messages(number + 1)
    source.warning("x" * 20_000)
    try:
        raise ValueError("bad")
    except ValueError:
        source.exception("it failed")
    found = [json.loads(line) for line in server.wait_for_messages(1000)]
    handler.close()
    assert [one["message"] for one in found[:998]] == [
        f"grüße {number}\nin two lines \U0001f600" for number in range(998)
    ]
    assert [(one["n"], one["of"]) for one in found[:998]] == [
        (number, [1, None]) for number in range(998)
    ]
    assert found[998]["message"] == "x" * 20_000 and found[998]["level"] == "WARNING"
    assert found[999]["exception"].endswith("ValueError: bad")
    assert {one["logger"] for one in found} == {"app"}
    assert {Path(one["pathname"]).name for one in found} == {"test_python.py"}


class Evil:
    """An object whose pickle writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "here I was")


def test_malicious_pickles_do_nothing(logger, tmp_path):
    server = logger(listen=["python:tcp:0:interface=127.0.0.1"])
    written = tmp_path / "written"
    with server.connect() as connection:
        for protocol in range(6):
            for value in (Evil(written), {"msg": Evil(written)}, {"msg": "x"}):
                data = pickle.dumps(value, protocol)
                connection.sendall(struct.pack(">I", len(data)) + data)
    assert server.wait_for_messages(6) == [b'{"message":"x"}'] * 6
    assert not written.exists()
    server.wait_for_log("plain data")
    assert server.log().count("plain data") == 1
