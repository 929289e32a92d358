"""`gopher serve DIRECTORY` is a server until Ctrl-C."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.gopher.command.main import run
from logsrv.kit.testing import wait_until

GOPHER = (sys.executable, "-m", "logsrv.gopher.command.main")


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "hole").mkdir()
    (tmp_path / "hole" / "-name.txt").write_text("hello")
    log = tmp_path / "twistd.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*GOPHER, "serve", "hole", "--listen", "tcp:0:interface=127.0.0.1"],
            cwd=tmp_path,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "is ready" in log.read_text(), "the server to be ready")
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
        assert found is not None
        out = io.BytesIO()
        assert run([f"127.0.0.1:{found[1]}/0/-name.txt"], out, io.StringIO()) == 0
        assert out.getvalue().strip() == b"hello"
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("words", [[], ["--listen", "tcp:0"]])
def test_without_a_directory(words: list[str]) -> None:
    err = io.StringIO()
    assert run(["serve", *words], io.BytesIO(), err) == 2
    assert err.getvalue().startswith("gopher: gopher serve takes a directory")


def test_help() -> None:
    out = io.BytesIO()
    assert run(["serve", "--help"], out, io.StringIO()) == 0
    assert b"twistd gopherd --help" in out.getvalue()
