"""The files of the page: whole, safe under their own policy, and all there."""

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path

import attrs
import pytest

from logsrv.linelog.fields.continuations.joiner import MESSAGES
from logsrv.linelog.fields.forms.access.one import REQUEST_AND_ANSWER
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.parsed_line import ALIASES
from logsrv.linelog.http import assets
from logsrv.linelog.http.assets import (
    ASKED_FOR,
    KEPT,
    LOG_IN,
    PAGES,
    POLICY,
    STATIC,
    alerts_page,
    board_page,
    find_static,
    live_page,
    log_in_page,
    static_files,
    static_folder,
)
from logsrv.linelog.query.stage import all_stages

PAGE_SCRIPTS = ("main.js", "board.js", "alerts.js")
# Scripts that a page loads once a reader needs them.
LATER = ("table.js", "complete.js")
FOLDER = Path(assets.__file__).parent / "static"
DOCUMENTS = {
    "page": live_page().body.decode(),
    "board": board_page().body.decode(),
    "alerts": alerts_page().body.decode(),
    "log-in": log_in_page("the token is wrong").body.decode(),
}


def test_the_page_has_the_roles_that_screen_readers_use():
    """A box, a log, a button: by these it is tested and used with a screen reader."""
    text = DOCUMENTS["page"]
    assert re.search(r'<input [^>]*type="search"', text)
    assert text.count('role="log"') == 1
    assert re.search(r"<button [^>]*>(<svg.*?</svg>)?(<span>)?Pause(</span>)?</button>", text)


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_keep_to_the_policy(text):
    """No inline script or style, nothing from elsewhere, and each file they name is there."""
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    named = re.findall(r'(?:src|href)="([^"#]+)"', text)
    for address in named:
        ours = ("/", "/board", "/alerts", "/alerts?new", "/api/search")
        assert find_static(address) or address in ours, address
    assert f'action="{LOG_IN}"' in text


def test_the_policy_allows_only_what_is_needed():
    """Nothing is allowed but what is named, and that only from ourselves."""
    rules = dict(rule.strip().partition(" ")[::2] for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in POLICY


def test_a_problem_on_the_log_in_page_is_escaped():
    assert b"<script>x" not in log_in_page("<script>x</script>").body
    assert b"&lt;script&gt;x" in log_in_page("<script>x</script>").body


def test_static_files_have_their_types_and_etags():
    """Few, with their types, and an ETag that changes with each."""
    names = {path.rpartition("/")[2] for path in static_files()}
    of_others = {"board.css", "board.js", "alerts.css", "alerts.js", *LATER}
    assert names == {"icon.svg", "main.js", "regex-worker.js", "style.css", "theme.js", *of_others}
    script = static_files()[f"{STATIC}/main.js"]
    assert script.content_type == "text/javascript; charset=utf-8"
    assert re.fullmatch(r'"[0-9a-f]{16}"', script.tag)
    assert len({asset.tag for asset in static_files().values()}) == len(static_files())


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_browser_asks_once_for_the_files_that_pages_name(text):
    named = re.findall(rf'(?:src|href)="({STATIC}/[^"]+)"', text)
    assert len(named) >= 3
    for address in named:
        found = find_static(address)
        assert found == (static_files()[address.replace(static_folder(), STATIC)], KEPT)


def test_each_file_has_another_address_if_any_of_them_changes(monkeypatch):
    """Scripts name each other, so a page must get all of one version."""
    here, files = static_folder(), static_files()
    for path, asset in files.items():
        changed = {**files, path: attrs.evolve(asset, tag='"0123456789abcdef"')}
        monkeypatch.setattr(assets, "static_files", lambda changed=changed: changed)
        assert static_folder.__wrapped__() != here, path


def test_a_page_of_another_version_gets_the_present_files_and_asks_each_time():
    script = static_files()[f"{STATIC}/table.js"]
    for folder in (STATIC, f"{STATIC}/0123456789abcdef"):
        assert find_static(f"{folder}/table.js") == (script, ASKED_FOR)
    for wrong in ("", "/table", "/x/table.js", "/0123456789abcdef/x.js", "/../assets.py"):
        assert find_static(STATIC + wrong) is None, wrong


def test_every_file_of_the_folder_is_in_what_is_sent():
    """A browser fetches one script: each module is in it once, behind those that it imports."""
    found = set()
    for name in LATER:
        added = static_files()[f"{STATIC}/{name}"].body.decode()
        found |= set(re.findall(r'^modules\["(.+?)"\] \?\?=', added, re.MULTILINE))
    for bundle in PAGE_SCRIPTS:
        sent = static_files()[f"{STATIC}/{bundle}"].body.decode()
        assert not re.search(r"^import |^export (?!const modules)", sent, re.MULTILINE)
        modules = re.findall(r'^modules\["(.+?)"\] =', sent, re.MULTILINE)
        assert len(set(modules)) == len(modules)
        found |= set(modules)
        for index, name in enumerate(modules):
            imports = re.findall(r'^import .*"\./(.+)"', (FOLDER / name).read_text(), re.MULTILINE)
            assert set(imports) <= set(modules[:index]), name
    alone = {path.rpartition("/")[2] for path in static_files()} | {
        *("lines.css", "chart.css", "small.css", "board_dialogs.css")
    }
    scripts = {*PAGE_SCRIPTS, *LATER}
    assert found == {path.name for path in FOLDER.iterdir()} - alone | scripts


def test_a_browser_gets_the_tables_of_the_server_instead_of_copies():
    """The stages of queries, the levels, the keys of hosts and messages, the form of access logs."""
    found = defaultdict(list)
    for asset in static_files().values():
        tables = re.findall(r"^const (FORMS|STAGES) = (.+);$", asset.body.decode(), re.MULTILINE)
        for name, table in tables:
            found[name].append(json.loads(table))
    for forms in found["FORMS"]:
        assert forms["levels"] == list(LEVELS) and forms["messages"] == list(MESSAGES)
        assert forms["hostnames"] == ["hostname", *ALIASES["hostname"]]
        assert forms["request"] == REQUEST_AND_ANSWER
    for stages in found["STAGES"]:
        assert [one["names"] for one in stages] == [[*one.names] for one in all_stages()]
    assert len(found["FORMS"]) >= 2 and len(found["STAGES"]) >= 2


def test_a_module_that_is_loaded_later_brings_what_the_page_lacks():
    """It and its imports, once each, but nothing that all its pages have."""
    files = {path.rpartition("/")[2]: one.body.decode() for path, one in static_files().items()}
    for name in LATER:
        loading = f'import("./{name}").then'
        pages = [files[page] for page in PAGE_SCRIPTS if loading in files[page]]
        assert pages, name
        added = re.findall(r'^modules\["(.+?)"\] \?\?=', files[name], re.MULTILINE)
        assert added[-1] == name and len(set(added)) == len(added)
        for page in pages:
            there = set(re.findall(r'^modules\["(.+?)"\] =', page, re.MULTILINE))
            needed = re.findall(r'= modules\["(.+?)"\];', files[name])
            assert name not in there and set(needed) <= there | set(added)
        shared = [one for one in added if all(f'modules["{one}"] =' in page for page in pages)]
        assert not shared, name


def test_each_page_has_nothing_that_only_another_needs():
    sent = {
        name: static_files()[f"{STATIC}/{name}.js"].body.decode()
        for name in ("main", "board", "alerts")
    }
    assert "board_panel.js" not in sent["main"] and "board." not in DOCUMENTS["page"]
    for name in ("alert_card.js", "alert_form.js", "silences.js"):
        assert name not in sent["main"] + sent["board"]
    for name in ("board_panel.js", "chart.js", "lines.js", "view.js"):
        assert name not in sent["alerts"]


def test_static_files_are_compressed():
    pages = {path: page() for path, page in PAGES.items()}
    for path, asset in {**pages, **static_files()}.items():
        assert gzip.decompress(asset.packed) == asset.body, path
    assert len(static_files()[f"{STATIC}/main.js"].packed) < 66_000
    assert len(static_files()[f"{STATIC}/alerts.js"].packed) < 28_000
    assert not log_in_page().packed


def test_each_module_begins_with_a_comment_and_imports_only_ours():
    """Small, each with a comment at its top, nothing from elsewhere."""
    for path in FOLDER.iterdir():
        text = path.read_text()
        if path.suffix == ".js":
            assert text.startswith("/**"), path
            assert len(text.splitlines()) < 510, path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
