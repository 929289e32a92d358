"""Which plugin a file has."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.cli.serving import BrokenFile, load, plugin_in
from logsrv.kit import Plugin

LINES = "from logsrv.kit import LineProtocol, DatagramLines, protocol_plugin\n"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Loading adds to what can be imported."""
    path, modules, finders = list(sys.path), set(sys.modules), list(sys.meta_path)
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    for name in set(sys.modules) - modules:
        if name.startswith(("shout", "json_", "voice", "plugin")):
            del sys.modules[name]


def found(directory: Path, code: str, name: str = "shout.py") -> Plugin:
    path = directory / name
    path.write_text(code)
    return plugin_in(load(path), path)


def test_a_protocol_class_becomes_a_plugin(tmp_path):
    """Its docstring is the description, the file's name the plugin's."""
    code = f'"""Shouts.\n\nMore."""\n{LINES}class Shout(LineProtocol): pass\n'
    plugin = found(tmp_path, code)
    assert (plugin.name, plugin.description) == ("shout", "Shouts.")
    assert plugin.protocol.__name__ == "Shout"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("class Base(LineProtocol): pass\nclass Shout(Base): pass\n", "Shout"),
        ("class _Own(LineProtocol): pass\nclass Shout(LineProtocol): pass\n", "Shout"),
        ("async def handle(connection): pass\n", "handle"),
        ("from twisted.internet.protocol import Protocol\nclass Echo(Protocol): pass\n", "Echo"),
    ],
)
def test_only_the_files_own_protocol_is_served(tmp_path, code, name):
    """What was imported, is private, or is only built upon, is not meant."""
    assert found(tmp_path, LINES + code).protocol.__name__ == name


def test_a_plugin_may_serve_connections_and_datagrams(tmp_path):
    code = "class A(LineProtocol): pass\nclass B(DatagramLines): pass\n"
    plugin = found(tmp_path, LINES + code)
    assert (plugin.protocol.__name__, plugin.datagrams.__name__) == ("A", "B")


def test_a_declared_plugin_is_taken_as_it_is(tmp_path):
    code = (
        "class A(LineProtocol): pass\nclass B(LineProtocol): pass\n"
        'loud = protocol_plugin("loud", B, listen="tcp:7009")\nsame = loud\n'
    )
    plugin = found(tmp_path, LINES + code)
    assert (plugin.name, plugin.listen) == ("loud", ("tcp:7009",))


@pytest.mark.parametrize("name", ["json.py", "my-shout.py", "2.py", "class.py"])
def test_odd_names_of_files_make_valid_plugin_names(tmp_path, name):
    """They hide no other module, and give the plugin a name that it can have."""
    import json

    assert found(tmp_path, LINES + "class A(LineProtocol): pass\n", name).name.isidentifier()
    assert sys.modules["json"] is json


def test_neighbours_can_be_imported(tmp_path):
    (tmp_path / "voice.py").write_text("from logsrv.kit import LineProtocol\n")
    code = "from voice import LineProtocol\nclass Shout(LineProtocol): pass\n"
    assert found(tmp_path, code).name == "shout"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "shout.py has nothing to serve; it needs a subclass of LineProtocol"),
        (
            LINES + "class A(LineProtocol): pass\nclass B(LineProtocol): pass\n",
            '(A, B); define exactly one: `plugin = protocol_plugin("shout", …)`',
        ),
        (
            LINES + 'a = protocol_plugin("a", print)\nb = protocol_plugin("b", print)\n',
            "more than one thing to serve (a, b)",
        ),
        ("def f():\n    1 / 0\nf()\n", 'shout.py", line 2, in f'),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = (\n", "SyntaxError"),
    ],
)
def test_a_file_without_one_clear_plugin_is_refused(tmp_path, code, said):
    with pytest.raises(BrokenFile) as broken:
        found(tmp_path, code)
    assert said in str(broken.value)
    assert "importlib" not in str(broken.value)
