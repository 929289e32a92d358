"""--metrics of a plugin that somebody else has written: there from its start to its stop, and reloaded."""

import http.client
import json
import socket
from typing import Any

import attrs
import pytest
from twisted.internet.threads import deferToThread

from logsrv.errors import StartError
from logsrv.kit import FLAG, TEXT, RequestProtocol, option, protocol_plugin
from logsrv.kit.testing import TelnetSession, serve
from logsrv.kit.testing._memory import parsed
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.listening import LOOPBACK
from tests.parts.reactor import REACTOR, logged, until


class Jokes(RequestProtocol):
    """Tells one to whoever asks."""

    def request_received(self, request: str) -> str:
        self.service.metrics.count("jokes_told_total", kind=request)
        return "Knock, knock."


class Pump:
    """A state that can be in trouble."""

    trouble: Any = None

    def __init__(self, service: Any) -> None:
        pass

    def unhealthy(self) -> str | None:
        return self.trouble if isinstance(self.trouble, str | None) else 1 // 0  # type: ignore[return-value]


def ask(place: str, path: str) -> tuple[int, str]:
    """The status and body at a place: `127.0.0.1:9100`, or the path of a socket."""
    client = http.client.HTTPConnection(place if ":" in place else "localhost", timeout=PATIENCE)
    if ":" not in place:
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(place)
    client.request("GET", path)
    answer = client.getresponse()
    said = answer.read().decode()
    client.close()
    return answer.status, said


def ask_for_a_pun(session: TelnetSession) -> None:
    session.send("pun")
    session.expect("Knock, knock.")


async def test_metrics_show_the_counters_of_a_plugin():
    async with serve(Jokes, "--metrics", LOOPBACK) as running:
        await running.converse(ask_for_a_pun)
        place = running.addresses[-1]
        status, said = await deferToThread(ask, place, "/metrics")
        assert status == 200
        assert 'jokes_told_total{kind="pun"} 1.0' in said
        assert f'logsrv_connections_total{{listener="metrics {LOOPBACK}"}} 1.0' in said
        assert await deferToThread(ask, place, "/readyz") == (200, '{"status": "ok"}\n')


async def test_healthz_shows_the_trouble_of_the_state():
    async with serve(protocol_plugin("jokes", Jokes, state=Pump), "--metrics", LOOPBACK) as running:
        place, state = running.addresses[-1], running.service.state
        assert (await deferToThread(ask, place, "/healthz"))[0] == 200
        state.trouble = "the pump is dry"
        status, said = await deferToThread(ask, place, "/healthz")
        assert (status, json.loads(said)) == (503, {"error": "the pump is dry"})
        state.trouble = 5
        with logged() as messages:
            status, said = await deferToThread(ask, place, "/healthz")
        assert status == 503 and "the log says why" in said
        assert any("unhealthy" in message for message in messages)


async def test_a_reload_changes_the_place_of_metrics_or_nothing(tmp_path):
    config = tmp_path / "jokes.toml"
    first, second = f"unix:{tmp_path}/first", f"unix:{tmp_path}/second"
    config.write_text(f"metrics = '{first}'\nlisten = '{LOOPBACK}'\n")
    plugin = protocol_plugin("jokes", Jokes)
    service = plugin.make_service_on(REACTOR, parsed(plugin, ("--config", str(config))))
    service.startService()
    assert (await deferToThread(ask, f"{tmp_path}/first", "/metrics"))[0] == 200
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    config.write_text(
        f"metrics = ['{second}', 'tcp:{port}:interface=127.0.0.1']\nlisten = '{LOOPBACK}'\n"
    )
    with logged() as messages:
        await service.reload()
    assert "reload refused" in messages[-1] and "in use" in messages[-1]
    assert not (tmp_path / "second").exists()
    assert (await deferToThread(ask, f"{tmp_path}/first", "/readyz"))[0] == 200
    taken.close()
    config.write_text(f"metrics = '{second}'\nlisten = '{LOOPBACK}'\n")
    await service.reload()
    await until(lambda: not (tmp_path / "first").exists(), "the end of the first")
    assert (await deferToThread(ask, f"{tmp_path}/second", "/metrics"))[0] == 200
    config.write_text(f"listen = '{LOOPBACK}'\n")
    await service.reload()
    await until(lambda: not (tmp_path / "second").exists(), "the end of the second")
    await service.stopService()


async def test_the_guard_protects_metrics_too():
    async with serve(Jokes, "--metrics", LOOPBACK, "--deny", "127.0.0.0/8") as running:
        with pytest.raises(OSError):
            await deferToThread(ask, running.addresses[-1], "/metrics")


@attrs.frozen(kw_only=True)
class Own:
    """The options of an author who was there before."""

    metrics: bool = option(True, FLAG, "measure the jokes")
    inspect: str = option("closely", TEXT, "how to look at a joke")


async def test_an_authors_own_options_of_these_names_are_his():
    async with serve(protocol_plugin("jokes", Jokes, Own)) as running:
        assert running.service.settings.metrics is True
        assert len(running.addresses) == 1


async def test_the_same_place_of_metrics_twice_is_refused():
    with pytest.raises(StartError, match=r"--metrics tcp:9 is given twice"):
        serve(Jokes, "--metrics", "tcp:9", "--metrics", "tcp:9")


async def test_a_python_prompt_is_refused_where_anyone_on_this_machine_could_connect():
    with pytest.raises(StartError, match="--inspect-python goes with unix: and ssh: only"):
        serve(Jokes, "--inspect", LOOPBACK, "--inspect-python")
