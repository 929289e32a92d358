"""Commands that read a bucket whose answers would take all memory."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.bucket_server import KEYS
from tests.parts.commands import LOGSRV
from tests.parts.strangers import endless, stranger

pytest.importorskip("obstore")
PLACE = "s3://bucket/archive?endpoint={}&region=eu-central-1"
SAID = "the answer of the bucket's server does not end, and is larger than the memory"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory that is there")
@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["restore", "{}/new", "--from"], "403 Forbidden", 1),
        (["search", "x", "--directory"], "200 OK", 2),
    ],
)
def test_an_answer_without_an_end_is_one_sentence(words, status, code, tmp_path):
    """It was an abort (SIGABRT), and thirty lines about it."""
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n<Error>".encode()
    with stranger(endless(bytes(1 << 16), head)) as far_side:
        command = [word.format(tmp_path) for word in words]
        done = subprocess.run(
            [*LOGSRV, *command, PLACE.format(far_side.url)],
            env={**os.environ, **KEYS},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.stderr == f"logsrv {words[0]}: {SAID}\n"
    assert (done.returncode, done.stdout) == (code, "")


def test_who_ends_the_command_ends_both_processes():
    held = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        assert held.wait(PATIENCE)

    with (
        stranger(answer) as far_side,
        subprocess.Popen(
            [*LOGSRV, "search", "--directory", PLACE.format(far_side.url), "x"],
            env={**os.environ, **KEYS},
            stdout=subprocess.PIPE,
        ) as process,
    ):
        wait_until(lambda: far_side.connections > 0, "a connection")
        process.send_signal(signal.SIGTERM)
        # Both have it: it ends when the last of them has ended.
        assert process.stdout is not None and process.stdout.read() == b""
        assert process.wait(PATIENCE) == -signal.SIGTERM
        held.set()
