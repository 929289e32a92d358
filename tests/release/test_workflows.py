"""The workflows of GitHub by their text: what they call is there. `make check` has linters for the rest."""

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.parts.archives import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_it_calls_is_there(workflow):
    text = workflow.read_text()
    targets = set(re.findall(r"^([\w./-]+)(?: [\w./-]+)*:", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:run: |command: |^ +)make ([\w./]+)", text, re.M)) <= targets
    for path in re.findall(r"tests/[\w./]+\.py", text):
        assert (ROOT / path).exists()
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"LOGSRV_\w+", text)):
        assert tests.count(name) > 0


# What `make release` and `make deb` leave in dist.
MADE = (
    *("logsrv-1.0-py3-none-any.whl", "logsrv-1.0.tar.gz", "logsrv-1.0.cdx.json", "logsrv-1.0.md"),
    *("logsrv_1.0_amd64.deb", "SHA256SUMS"),
)


def published(tag: str, folder: Path) -> list[str]:
    """Return what gh is called with in the last step of a release, by the shell that GitHub takes."""
    (folder / "dist").mkdir()
    for name in MADE:
        (folder / "dist" / name).touch()
    gh = folder / "gh"
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    gh.chmod(0o755)
    step = (ROOT / ".github/workflows/release.yml").read_text().rpartition("run: |\n")[2]
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_REF_NAME": tag}
    command = ["bash", "-e", "-c", textwrap.dedent(step)]
    return subprocess.check_output(command, text=True, cwd=folder, env=environment).splitlines()


@pytest.mark.parametrize("tag", ["v1.0.0", "v1.0.0rc1", "v1.0.0b2"])
def test_a_candidate_is_published_as_one(tag, tmp_path):
    words = published(tag, tmp_path)
    assert words[:3] == ["release", "create", tag]
    assert ("--prerelease" in words) == (tag != "v1.0.0")


def test_all_that_has_a_sum_is_published(tmp_path):
    """Else `sha256sum --check` says of a whole download that it is not."""
    words = published("v1.0.0", tmp_path)
    assert set(words[words.index("--notes-file") + 2 :]) == {f"dist/{name}" for name in MADE}


def test_the_job_that_builds_a_release_fetches_no_tool_of_any_version():
    text = (ROOT / ".github/workflows/release.yml").read_text()
    assert re.findall(r"pip install --quiet (\S+)", text) == re.findall(r"uv==[\d.]+", text) != []


def test_extras_that_are_audited_are_all_that_people_install():
    config = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2]
    extras = set(re.findall(r"^(\w+) =$", config.partition("\n[")[0], re.M)) - {
        "test",
        "dev",
        "fuzz",
    }
    [audited] = re.findall(r"'\.\[([\w,]+)\]'", (ROOT / ".make/audit.sh").read_text())
    assert set(audited.split(",")) == extras
