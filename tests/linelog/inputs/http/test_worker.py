"""A worker by itself, with the test in the server's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from logsrv.kit.children.frames import FrameReader
from logsrv.linelog.framing.bodies.bodies import BodyRules
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules
from logsrv.linelog.inputs.http.apart import Order, made
from logsrv.linelog.inputs.http.worker import NICE
from tests.kit.children.spawned import read_message, send

COMMAND = (sys.executable, "-P", "-m", "logsrv.linelog.inputs.http.worker")


def test_it_answers_one_after_the_other_until_its_input_ends() -> None:
    worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None and worker.stdout is not None
    assert read_message(worker.stdout) == b""
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == nice
    rules = BodyRules("application/json", "/", 1000)
    bodies = (b'{"streams": []}', b'{"streams": [{"stream": {}, "values": [["1", "text"]]}]}')
    for body in bodies:
        order = Order("loki", "", rules, LineRules(), body)
        send(worker, *order.encoded())
    worker.stdin.close()
    answers = list(FrameReader().receive(worker.stdout.read()))
    lines = [b"".join(map(bytes, made(one, LineCounts())[0].blocks())) for one in answers]
    assert len(lines) == 2
    assert lines[0] == b""
    assert b"text" in lines[1]
    assert worker.wait() == 0
    worker.stdout.close()


def test_a_signal_to_all_processes_ends_no_body() -> None:
    worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None and worker.stdout is not None
    read_message(worker.stdout)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker.send_signal(number)
    order = Order("loki", "", BodyRules("", "/", 1000), LineRules(), b'{"streams": []}')
    send(worker, *order.encoded())
    worker.stdin.close()
    assert len(list(FrameReader().receive(worker.stdout.read()))) == 1
    assert worker.wait() == 0
    worker.stdout.close()
