"""packaging/Containerfile by its text, as a builder is rarely there; and what the image is built from.

.github/workflows/scheduled.yml builds it and waits until it is healthy.
"""

import json
import re
from collections.abc import Callable, Iterable

import pytest

from tests.parts.archives import ROOT
from tests.parts.scripts import script

TEXT = (ROOT / "packaging/Containerfile").read_text()
STEPS = re.sub(r"#.*\n", "", TEXT).replace("\\\n", " ")
requirements: Callable[[str, set[str]], Iterable[str]] = script("container.py")["requirements"]

METADATA = """Metadata-Version: 2.4
Name: logsrv
Requires-Dist: Twisted[tls]>=26.10
Requires-Dist: attrs>=25.4
Provides-Extra: sql
Requires-Dist: duckdb>=2.0; extra == "sql"
Provides-Extra: test
Requires-Dist: pytest>=8.4; extra == "test"
"""


def step(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*?) *$", STEPS, re.MULTILINE)


def test_the_image_does_not_run_as_root():
    """By number, which Kubernetes can look at; after the last step that needs root."""
    assert step("USER") == ["10001:10001"]
    assert not re.search(r"^(RUN|COPY)", STEPS.partition("\nUSER")[2], re.MULTILINE)


def test_signals_reach_the_server():
    [entry], [options] = step("ENTRYPOINT"), step("CMD")
    words = [*json.loads(entry), *json.loads(options)]
    assert words[:4] == ["twistd", "-n", "--pidfile=", "logsrv"]
    assert step("STOPSIGNAL") == ["SIGTERM"]
    assert words[words.index("--directory") + 1].startswith(step("VOLUME")[0] + "/")


def test_the_image_has_what_the_wheel_asks_for():
    assert list(requirements(METADATA, set())) == ["Twisted[tls]>=26.10", "attrs>=25.4"]
    assert list(requirements(METADATA, {"sql"}))[2:] == ["duckdb>=2.0"]
    with pytest.raises(ValueError, match="logsrv has no extra mongo"):
        list(requirements(METADATA, {"mongo"}))
