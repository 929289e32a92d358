"""Formats are found by their plugins, ours and strangers' alike; a broken one costs itself alone."""

import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.errors import ConfigurationError
from logsrv.inputs import HttpFormat, InputFormat
from logsrv.kit.testing import MemoryService
from logsrv.linelog.formats.registry import INPUTS, Inputs
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.over_http.http_format import HTTP_FORMATS
from logsrv.linelog.intake.over_http.installed_routes import http_routes, require_distinct_paths
from logsrv.linelog.ship.address import PLUGINS as TARGETS
from tests.parts.http_senders import Sender
from twisted import plugins

NAMED = (
    "from logsrv.linelog.intake.over_http.http_format import HttpFormat\n"
    "notes = HttpFormat('notes', 'notes_of_a_stranger:routes')\n"
)
ROUTES = """
from logsrv.linelog.intake.over_http.routes import Route
from logsrv.linelog.lines.bodies import Reply, RequestRefused, json_line

def add(body, rules, records):
    if not body:
        raise RequestRefused(400, "nothing in it")
    records.add(rules.query.get("who", "-").encode() + b" " + body, structured=False)
    return Reply(201)

def refuse(refusal):
    return Reply(refusal.status, json_line(no=str(refusal)))

def routes():
    told = []

    def done(reply, head):
        told.append(head.path)
        return Reply(reply.status, json_line(number=len(told), of=head.path))

    note = Route((b"POST",), add, schemes=(b"note",), refuse=refuse, done=done)
    return {"/notes/WHO": (note,)}
"""
TRIED = """

def add_tried(body, rules, records):
    records.add(b"tried", structured=False)
    return Reply(202)

def tried_routes():
    return {"/notes/WHO": (Route((b"POST",), add_tried),)}
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's format of the http input. Returns its module, which is empty yet."""
    folder = tmp_path / "twisted/plugins"
    folder.mkdir(parents=True)
    (folder / "notes_plugin.py").write_text(NAMED)
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(folder)])
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("twisted.plugins.notes_plugin", "notes_of_a_stranger"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "notes_of_a_stranger.py"


def test_a_format_of_a_stranger_has_its_path_its_words_and_its_state(stranger):
    stranger.write_text(ROUTES)
    sender = Sender(input_token="secret")
    sender.post(b"hello", "/notes/ann?who=a%20b", Authorization="Note secret")
    sender.sink.sync()
    sender.post(b"again", "/notes/bo", Authorization="Bearer secret")
    sender.sink.sync()
    assert sender.answers() == [
        (201, {"number": 1, "of": "/notes/ann"}),
        (201, {"number": 2, "of": "/notes/bo"}),
    ]
    assert sender.sink.text == b"a b hello\n- again\n"
    sender.post(b"", "/notes/ann", Authorization="Note secret")
    sender.post(b"x", "/notes/ann", Authorization="Note wrong")
    assert sender.answers() == [
        (400, {"no": "nothing in it"}),
        (401, {"no": "the token is wrong"}),
    ]
    sender.post(b"x", "/notes", Authorization="Bearer secret")
    ((status, refusal),) = sender.answers()
    assert status == 404 and "/notes/WHO" in refusal["error"]


def test_other_paths_refuse_the_word_of_a_format_before_a_token(stranger):
    stranger.write_text(ROUTES)
    sender = Sender(input_token="secret")
    sender.post(b"x", "/lines", Authorization="Note secret")
    ((status, refusal),) = sender.answers()
    assert status == 401 and "a token is needed" in refusal["error"]


def test_a_format_whose_module_is_broken_costs_its_path_and_one_sentence(stranger):
    stranger.write_text("import nothing_there\n")
    with capturedLogs() as events:
        routes = http_routes()
    assert "/notes/WHO" not in routes and "/loki/api/v1/push" in routes
    [said] = [formatEvent(event) for event in events]
    assert said == (
        "the http input does without notes; mend it, then restart: notes_of_a_stranger cannot be"
        f" imported: ModuleNotFoundError: No module named 'nothing_there' ({stranger}:1)"
    )


def test_a_format_whose_function_fails_is_left_out_as_well(stranger):
    stranger.write_text("def routes():\n    return {}[1]\n")
    with capturedLogs() as events:
        assert "/v1/logs" in http_routes()
    [said] = [formatEvent(event) or "" for event in events]
    assert said.endswith(f"notes_of_a_stranger:routes cannot be used: KeyError: 1 ({stranger}:2)")


@pytest.mark.parametrize(
    "body", ["return None", "return {'/bad': 5}", "return {'/bad': [5]}", "raise SystemExit(3)",
     "from logsrv.linelog.intake.over_http.routes import Route; return {'/bad': [Route((), lambda *_: 1)]}"]
)  # fmt: skip
def test_a_format_that_returns_no_routes_is_left_out(stranger, body):
    stranger.write_text(f"def routes():\n    {body}\n")
    with capturedLogs() as events:
        routes = http_routes()
    assert "/bad" not in routes and "/v1/logs" in routes
    [said] = [formatEvent(event) or "" for event in events]
    assert said.startswith("the http input does without notes; ")


def test_two_formats_with_one_path_are_refused(stranger):
    """The one whose name comes first would take what is sent to the other, in its own words."""
    (stranger.parent / "twisted/plugins/other_plugin.py").write_text(
        NAMED.replace("'notes'", "'memos'").replace("notes =", "memos =")
    )
    stranger.write_text(ROUTES.replace("/notes/WHO", "/notes/SOMEBODY"))
    with pytest.raises(ConfigurationError) as refused:
        require_distinct_paths()
    assert str(refused.value) == (
        "two formats of the http input take POST /notes/SOMEBODY: notes and memos; remove one of them, or"
        " change its path (logsrv plugins shows their files)"
    )


def test_a_format_cannot_take_the_path_of_one_of_ours(stranger):
    stranger.write_text(ROUTES.replace("/notes/WHO", "/lines"))
    with pytest.raises(ConfigurationError, match="take POST /lines: ndjson and notes; "):
        require_distinct_paths()
    with pytest.raises(ConfigurationError, match="take POST /lines: ndjson and notes; "):
        MemoryService(HttpFormat("notes", "notes_of_a_stranger:routes"))


def test_another_method_of_a_path_is_another_request(stranger):
    stranger.write_text(ROUTES.replace("/notes/WHO", "/lines").replace('b"POST"', 'b"PUT"'))
    require_distinct_paths()


def test_the_format_in_a_test_wins_over_an_installed_one_with_its_path(stranger):
    stranger.write_text(ROUTES + TRIED)
    tried = MemoryService(HttpFormat("zebra", "notes_of_a_stranger:tried_routes"))
    assert tried.request("POST", "/notes/ann", b"x").status == 202
    assert tried.stored == b"tried\n"


def test_an_object_that_lies_is_no_plugin(stranger):
    file = stranger.parent / "twisted/plugins/notes_plugin.py"
    lies = "".join(
        f"@implementer(IHttpFormat)\nclass Liar{number}:\n    {body}\nliar{number} = Liar{number}()\n"
        for number, body in enumerate(
            ("pass", "name = ['notes']", "name = property(lambda self: 1 / 0)")
        )
    )
    file.write_text(
        "from zope.interface import implementer\n"
        "from logsrv.linelog.intake.over_http.http_format import IHttpFormat\n" + lies
    )
    assert [*HTTP_FORMATS.all()] == [*HTTP_FORMATS.ours()]


def test_a_sender_whose_answer_fails_is_cut_off(stranger):
    stranger.write_text(ROUTES.replace("told.append(head.path)", "1 / 0"))
    sender = Sender()
    sender.post(b"hello", "/notes/ann")
    sender.sink.sync()
    assert sender.answers() == [] and sender.transport.aborted


def test_an_input_whose_module_is_broken_is_not_usable_and_says_why(stranger):
    stranger.write_text("1 / 0\n")
    found = Inputs({"notes": InputFormat("notes", "notes_of_a_stranger:Notes"), **INPUTS.ours()})
    assert (found.is_usable("notes"), found.is_usable("relp")) == (False, True)
    assert f"division by zero ({stranger}:1)" in found.broken["notes"]


def test_each_folder_of_a_format_has_its_plugin():
    """Its name is that of the folder, and it tells only options that inputs have."""
    folder = Path(*INPUTS.package.split("."))
    names = {file.parent.name for file in folder.glob("*/__init__.py")}
    targets = {plugin.reference.split(".")[3] for plugin in TARGETS.ours().values()}
    assert names <= {*INPUTS.ours(), *HTTP_FORMATS.ours(), *targets}
    assert {*INPUTS.ours(), *HTTP_FORMATS.ours()} <= names
    told = {
        option
        for one in INPUTS.ours().values()
        for option in (one.options if isinstance(one, InputFormat) else ())
    }
    assert told <= set(InputOptions.__annotations__)
    found: list[Any] = [*INPUTS.ours().values(), *HTTP_FORMATS.ours().values()]
    assert all(one.about for one in found)
