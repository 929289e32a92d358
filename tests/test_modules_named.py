"""Files that docstrings and comments name exist: a reader looks for them."""

import re

from tests.parts.modules import ROOT, SOURCES

# Files of a user in examples, and one named as a module of Python.
OF_OTHERS = {"json.py", "shout.py", "upper.py"}
NAMED = re.compile(r"(?<![\w/.*{}<])((?:\w+/)*[a-z]\w*\.py)\b(?!\w)")


def test_a_file_that_is_named_in_the_code_exists():
    paths = [
        f"/{path.relative_to(ROOT)}"
        for room in ("logsrv", "tests", "bench", "docs", "packaging", "twisted", "examples", "site")
        for path in (ROOT / room).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    wrong = []
    for path in SOURCES:
        if "template" in path.parts:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in NAMED.findall(line):
                if name not in OF_OTHERS and not any(one.endswith(f"/{name}") for one in paths):
                    wrong.append(f"{path.relative_to(ROOT)}:{number} {name}")
    assert not wrong
