"""packaging/Containerfile by its text, as a builder is rarely there; and what the image is built from.

.github/workflows/scheduled.yml builds it and waits until it is healthy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

import pytest

from tests.archives import ROOT
from tests.release.scripts import script

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


def test_it_does_not_run_as_root() -> None:
    """By number, which Kubernetes can look at; after the last step that needs root."""
    assert step("USER") == ["10001:10001"]
    assert not re.search(r"^(RUN|COPY)", STEPS.partition("\nUSER")[2], re.MULTILINE)


def test_it_is_started_where_any_user_may_enter() -> None:
    """A volume of somebody else is said in a sentence: that the store in it cannot be used."""
    assert step("WORKDIR") == ["/"]


def test_signals_reach_the_server() -> None:
    [entry], [options] = step("ENTRYPOINT"), step("CMD")
    words = [*json.loads(entry), *json.loads(options)]
    assert words[:4] == ["twistd", "-n", "--pidfile=", "logsrv"]
    assert step("STOPSIGNAL") == ["SIGTERM"]
    assert words[words.index("--directory") + 1].startswith(step("VOLUME")[0] + "/")


def test_health_is_asked_for_where_it_is_answered() -> None:
    [check] = re.findall(r"HEALTHCHECK .*", STEPS)
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    assert "http://127.0.0.1:9100/healthz" in command[2]
    assert "9100/tcp" in step("EXPOSE")[0]


def test_dependencies_are_a_layer_below_ours() -> None:
    assert STEPS.index("-r /tmp/requirements.txt") < STEPS.index("COPY build/container/*.whl")


def test_folders_of_plugins_are_on_its_path() -> None:
    """Before it is started as another user, who could not note which plugins there are."""
    assert (ROOT / "packaging/logsrv.pth").exists()
    assert "packaging/logsrv.pth /tmp/" in step("COPY")
    assert "cp /tmp/logsrv.pth /opt/logsrv/lib/python3*/site-packages/" in STEPS


def test_what_is_installed_with_it() -> None:
    assert list(requirements(METADATA, set())) == ["Twisted[tls]>=26.10", "attrs>=25.4"]
    assert list(requirements(METADATA, {"sql"}))[2:] == ["duckdb>=2.0"]
    with pytest.raises(ValueError, match="logsrv has no extra mongo"):
        list(requirements(METADATA, {"mongo"}))
