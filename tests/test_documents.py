"""The pages of docs/ agree with the code."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent / "docs"
MARKDOWN = [*DOCS.parent.glob("*.md"), *DOCS.glob("*.md"), *DOCS.parent.glob("bench/*.md")]
FOR_DEVELOPERS = (
    "CONTRIBUTING.md",
    "architecture.md",
    "decisions.md",
    "dependencies.md",
    "glossary.md",
)
PAGES = runpy.run_path(str(DOCS / "generate.py"))["PAGES"]


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page):
    """If this fails: `make docs`, and look at what changed."""
    assert (DOCS / page).read_text() == PAGES[page]()


def test_every_link_between_the_pages_leads_somewhere():
    for page in MARKDOWN:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_link_to_a_part_of_a_page_leads_to_a_heading():
    for page in MARKDOWN:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            other = page.parent / target if target else page
            assert anchor in anchors(other), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("name", FOR_DEVELOPERS)
def test_every_file_that_developers_are_sent_to_is_there(name):
    """A file may have moved to another folder since the page was written."""
    [page] = [page for page in MARKDOWN if page.name == name]
    files = [path for path in DOCS.parent.glob("logsrv/**/*") if "template" not in path.parts]
    known = {path.relative_to(DOCS.parent / "logsrv").as_posix() for path in files}
    for found in re.findall(r"`([\w/]+/(?:\w+\.py)?)`", page.read_text()):
        path = found.rstrip("/")
        below = any(place == path or place.endswith("/" + path) for place in known)
        assert below or (DOCS.parent / path).exists(), f"{name} names {found}"


def test_files_in_the_architecture_are_named_with_their_folder():
    """The name alone is not enough: several folders have a file of the same name."""
    page = (DOCS / "architecture.md").read_text()
    assert set(re.findall(r"`(\w+\.py)`", page)) == {"lazy_names.py", "shout_plugin.py"}


def test_every_page_can_be_reached_from_the_readme():
    entrance = (DOCS.parent / "README.md").read_text()
    pages = [page.name for page in DOCS.glob("*.md")]
    assert [name for name in pages if f"(docs/{name})" not in entrance] == []


def test_the_site_lists_each_page_once():
    """`make site` builds it late in CI, and refuses a list with a page that is gone."""
    site = (DOCS.parent / "site/index.md").read_text()
    lists = re.findall(r"```{toctree}\n(.*?)```", site, re.DOTALL)
    listed = re.findall(r"^docs/(\S+)$", "".join(lists), re.MULTILINE)
    assert sorted(listed) == sorted(page.stem for page in DOCS.glob("*.md"))


def test_the_readme_has_a_row_for_each_first_task():
    """The table has one row for each task, with the page or the option."""
    entrance = (DOCS.parent / "README.md").read_text()
    table = entrance.partition("\n## Where to find\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE))
    for task, way in {
        "Docker": "docs/sending.md#docker",
        "keep 30 days": "--keep-days 30",
        "the last hour for one host": "--since 1h",
        "be told of errors": "docs/alerts.md",
        "a second machine": "--ship relp://",
        "write a protocol": "docs/tutorial.md",
        "a full disk": "docs/runbook.md#",
    }.items():
        [found] = [row for row in rows if task in row]
        assert way in rows[found]


def test_every_counter_of_a_running_service_is_listed():
    """The author of an alert would not find a catalogue of counters that is not on the page."""
    from logsrv.gopher.gateway.gateway import Gateway
    from logsrv.gopher.gateway.gateway_settings import GopherSettings
    from logsrv.greet.protocol import Greet
    from logsrv.kit.testing import MemoryService
    from logsrv.linelog.plugin.logger_settings import LoggerSettings
    from logsrv.linelog.plugin.service import LoggerService

    memory = MemoryService(Greet)
    services: list[Any] = [
        memory.service,
        LoggerService(LoggerSettings(), load=LoggerSettings, reactor=memory.clock),
        Gateway(GopherSettings(), load=GopherSettings, reactor=memory.clock),
    ]
    page = (DOCS / "monitoring.md").read_text()
    for service in services:
        for metric in service.metrics.catalogue:
            kind = " by ".join(filter(None, [metric.kind, ", ".join(metric.labels)]))
            assert f"| `logsrv_{metric.name}` | {kind} | {metric.help} |" in page


def test_the_plugin_on_the_landing_page_is_that_of_the_tutorial():
    [plugin] = re.findall(r"```python\n(.*?)```", (DOCS.parent / "site/index.md").read_text(), re.S)
    assert f"```python shout.py\n{plugin}```" in (DOCS / "tutorial.md").read_text()


def test_tokens_are_made_in_one_way_and_place():
    """A token file that a shell's redirection creates is readable for everybody."""
    for page in [*MARKDOWN, *DOCS.parent.glob("logsrv/**/*.md")]:
        text = page.read_text()
        for path in re.findall(r"/etc/logsrv[\w./-]*\btoken\b", text):
            assert path.startswith("/etc/logsrv/"), f"{page.name} names {path}"
        for made in re.finditer(r"openssl rand [^\n|]*?> ?(\S+)", text):
            before = text[: made.start()]
            path = made[1].rstrip(";`")
            ready = f"install -m 640 -g logsrv /dev/null {path}"
            assert ready in before[-300:] or "umask 077\n" in before[-300:], f"{page.name}: {path}"


def test_every_promise_about_security_has_its_test():
    page = (DOCS.parent / "SECURITY.md").read_text()
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page):
        text = (DOCS.parent / file).read_text()
        assert re.search(rf"^(async )?def {name or 'test_'}", text, re.MULTILINE), f"{file}::{name}"
    targets = "".join(path.read_text() for path in DOCS.parent.glob("tests/fuzz/targets/*.py"))
    for name in re.findall(r"target `(\w+)`", page):
        assert f"\ndef {name}(" in targets


def test_no_page_has_pip_ask_an_index_for_a_name_that_is_not_ours_yet():
    """docs/install.md: a checkout, or the file of a wheel, is in the variable LOGSRV."""
    asks = re.compile(r"pip install (?:--?\S+ )*['\"]?logsrv(?:-kit)?(?![\w.*/-])")
    found = [
        f"{page.name}: {line.strip()}"
        for page in (*MARKDOWN, DOCS.parent / "site/index.md")
        for line in page.read_text().splitlines()
        if asks.search(line) and "pip uninstall" not in line and "/opt/logsrv/bin/pip" not in line
    ]
    assert found == []
