"""The arguments of `protocol_plugin`: nonsense is refused by type checkers, and with a sentence.

`strangers/` has a stranger's files, as `mypy --strict` sees them with the kit installed.

A line of such a file that ends in `# shows: TEXT` is one for which mypy says something with TEXT in it, and
about no other line does it say anything. The files are no `.py`, for our own checks would stop at them.
"""

import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from mypy import api
from twisted.internet.protocol import Factory

from logsrv.kit import TEXT, ConfigurationError, LineProtocol, option, protocol_plugin

HERE = Path(__file__).parent / "strangers"
CACHE = Path(__file__).parents[3] / ".mypy_cache" / "strangers"
STRANGERS = sorted(HERE.glob("*.txt"))
_SAID = re.compile(r"^(\w+)\.py:(\d+): (?:error|note): (.*)$", re.MULTILINE)
_EXPECTED = re.compile(r"# shows: (.+)$")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], str]:
    """Everything that one mypy says about all of the files: by file and line."""
    folder = tmp_path_factory.mktemp("strangers")
    for stranger in STRANGERS:
        (folder / f"{stranger.stem}.py").write_text(stranger.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        out, errors, _ = api.run(["--strict", "--cache-dir", str(CACHE), "--config-file=", "."])
    assert not errors
    found: dict[tuple[str, int], str] = {}
    for name, line, text in _SAID.findall(out):
        found[name, int(line)] = found.get((name, int(line)), "") + text + "\n"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda path: path.stem)
def test_mypy_refuses_wrong_arguments(stranger, said):
    """What is right passes, what is wrong is refused where it stands, and types are known."""
    expected = {
        number: match[1]
        for number, line in enumerate(stranger.read_text().splitlines(), 1)
        if (match := _EXPECTED.search(line))
    }
    came = {line: text for (name, line), text in said.items() if name == stranger.stem}
    for line in sorted(expected.keys() | came.keys()):
        assert expected.get(line, "(nothing)") in came.get(line, "(nothing)\n"), (
            f"{stranger.name}:{line}: {came.get(line)}"
        )


class NoAttrs:
    topic = option("anything", TEXT, "what we talk about")


@attrs.define(kw_only=True)
class Mutable:
    topic: str = option("anything", TEXT, "what we talk about")


@attrs.mutable(kw_only=True, slots=False, on_setattr=attrs.setters.validate)
class MutableWithDict:
    topic: str = option("anything", TEXT, "what we talk about")


@attrs.frozen(kw_only=True)
class Frozen:
    topic: str = option("anything", TEXT, "what we talk about")


class Chat(LineProtocol[Frozen]): ...


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": 7}, "7 cannot be the name of a plugin; it has to be"),
        (
            {"listen": 7000},
            'chat: listen=7000 is not an endpoint; it has to be text such as "tcp:7000"',
        ),
        ({"listen": (7000, "tcp:1")}, r"chat: listen=\(7000, 'tcp:1'\) is not an endpoint"),
        ({"description": None}, "chat: description=None has to be text"),
        ({"version": 1.2}, "chat: version=1.2 has to be text"),
        ({"start_tls": "yes"}, "chat: start_tls='yes' has to be True or False"),
        ({"protocol": 3}, "chat: protocol is 3; it has to be a class or a function"),
        ({"protocol": Factory}, "chat: protocol is .*, a Factory; give the Protocol class that"),
        ({"protocol": Factory()}, "chat: protocol is .*, a Factory; .* as state"),
        (
            {"datagrams": [LineProtocol]},
            "chat: datagrams is .*; it has to be a class or a function",
        ),
        ({"state": {}}, "chat: state is {}; it has to be a class or a function"),
        ({"options": NoAttrs}, "chat: NoAttrs is no attrs class; put @attrs.frozen"),
        ({"options": Mutable}, "chat: objects of Mutable can be changed, .* put @attrs.frozen"),
        ({"options": MutableWithDict}, "chat: objects of MutableWithDict can be changed"),
        ({"options": Frozen()}, "chat: options is .*; it has to be a class"),
        ({"options": 7}, "chat: options is 7; it has to be a class"),
    ],
)
def test_wrong_arguments_are_refused(arguments, sentence):
    given: dict[str, Any] = {"name": "chat", "protocol": Chat, **arguments}
    with pytest.raises(ConfigurationError, match=f"^{sentence}"):
        protocol_plugin(**given)
