"""The page's modules without a document: all `*.test.js` of this folder, by Node's own test runner."""

import json
import os
import re
import subprocess
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.assets import page_modules
from tests.parts.programs import program

HERE = Path(__file__).parent
FAILED = re.compile(r"^not ok .*?^  \.\.\.$", re.MULTILINE | re.DOTALL)
COUNTS = re.compile(r"^# (tests|pass|fail|skipped) (\d+)$", re.MULTILINE)


def test_modules_of_the_page_return_what_they_should(tmp_path):
    node = program("node", "nodejs")
    for name, text in page_modules().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    done = subprocess.run(
        # `--test` starts a process for each file. TAP is the same in each Node from 18 on.
        [node, "--test-reporter=tap", HERE / "every.js"],
        # A zone with summer time.
        env=os.environ | {"PAGE": str(tmp_path), "TZ": "Europe/Berlin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    said = "\n".join(FAILED.findall(done.stdout)) or done.stdout + done.stderr
    assert done.returncode == 0, said
    counts = {name: int(count) for name, count in COUNTS.findall(done.stdout)}
    # None was lost: Node calls a file without tests a passed one.
    written = sum(path.read_text().count("\ntest(") for path in HERE.glob("*.test.js"))
    assert counts["pass"] >= written and not counts["fail"] and not counts["skipped"], said
