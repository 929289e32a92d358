"""The workflows of GitHub by their text: what they call is there. `make check` has linters for the rest."""

import re

import pytest

from tests.parts.archives import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_it_calls_is_there(workflow):
    text = workflow.read_text()
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([\w./-]+)(?: [\w./-]+)*:", makefile, re.M))
    assert set(re.findall(r"(?:run: |command: |^ +)make ([\w./]+)", text, re.M)) <= targets
    for path in re.findall(r"tests/[\w./]+\.py", text):
        assert (ROOT / path).exists()
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"LOGSRV_\w+", text)):
        assert tests.count(name) > 0


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
