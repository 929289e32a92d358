"""Prints constraints for pip: every requirement of setup.cfg in the oldest version that it allows.

python3 .ci/oldest.py setup.cfg >constraints.txt
PIP_CONSTRAINT=constraints.txt make test
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator

# NAME[EXTRA] >= VERSION, perhaps with an upper bound. A line such as %(test)s includes another extra, whose
# lines are read in its own place.
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z0-9,]+\])? >= ([0-9.]+)(?:, < [0-9.]+)?")
# Extras that the tests do not need: `make check` runs only once, and the tests fuzz with Hypothesis.
_NOT_TESTED_WITH = ("dev", "fuzz")


def oldest(text: str) -> Iterator[str]:
    """Yield a line of constraints for each requirement in the text of a setup.cfg."""
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    lists = [config["options"]["install_requires"]]
    extras = config["options.extras_require"]
    lists += [extras[name] for name in extras if name not in _NOT_TESTED_WITH]
    lines = "\n".join(lists).splitlines()
    for line in dict.fromkeys(line for line in lines if line and not line.startswith("%(")):
        found = _REQUIREMENT.fullmatch(line)
        if found is None:
            raise ValueError(f"setup.cfg: {line!r} says no oldest version (NAME >= VERSION)")
        yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(*dict.fromkeys(oldest(file.read())), sep="\n")
