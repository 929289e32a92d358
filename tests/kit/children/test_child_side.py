"""What a child of a pool says, and where."""

import subprocess
import sys

from logsrv.kit.children.frames import frame_parts
from logsrv.kit.testing.patience import PATIENCE

CODE = """
import os
from logsrv.kit.children.child_side import answer_messages

def answer(message):
    print("a parser prints", flush=True)
    os.write(1, b"and writes\\n")
    return [message.upper()]

answer_messages(answer)
"""


def test_what_an_answer_prints_is_no_part_of_it():
    asked = b"".join(frame_parts(b"one")) + b"".join(frame_parts(b"two"))
    done = subprocess.run(
        [sys.executable, "-c", CODE], input=asked, capture_output=True, timeout=PATIENCE
    )
    answers = [frame_parts(), frame_parts(b"ONE"), frame_parts(b"TWO")]
    assert done.stdout == b"".join(b"".join(one) for one in answers)
    assert done.stderr == 2 * b"a parser prints\nand writes\n"
