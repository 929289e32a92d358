"""The target `kafka:`, against librdkafka's own mock of brokers."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError
from twisted.internet.defer import CancelledError

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.kafka import target as kafka_target
from logsrv.linelog.formats.kafka.login import kafka_login_options
from logsrv.linelog.formats.kafka.target import KafkaTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import (
    LineBatch,
    PartlyRefused,
    RefusedForGood,
    call_target,
)
from logsrv.linelog.store.segment import Position
from tests.linelog.formats.kafka.brokers import TOPIC, brokers
from tests.parts.certificates import Authority
from tests.parts.far_sides import closing, numbered, sent, settings, unavailable
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR
from tests.parts.sample_lines import SOURCES, TIME, line


def target(servers: str, seconds: float = PATIENCE, topic: str = TOPIC, **more: Any) -> KafkaTarget:
    return KafkaTarget(settings(f"kafka://{servers}/{topic}", **more), REACTOR, seconds)


async def test_lines_arrive_and_those_of_a_machine_in_their_order():
    with brokers(3) as some:
        async with closing(target(some.servers)) as one:
            lines = [line(b"%d" % number, SOURCES[number % 4]) for number in range(2000)]
            for at in range(0, 2000, 500):
                await one.send(LineBatch(lines[at : at + 500], Position(1, at)))
            await one.send(LineBatch([], Position(1, 2000)))
        found = some.messages(2000)
    by_key: dict[bytes, list[int]] = {}
    for message in found:
        key, value = message.key(), message.value()
        assert isinstance(key, bytes) and value is not None
        by_key.setdefault(key, []).append(int(json.loads(value)["message"]))
    assert by_key == {
        b"10.0.0.1": list(range(0, 2000, 4)),
        b"::1": list(range(1, 2000, 4)),
        b"unix:uid=0,pid=77": list(range(2, 2000, 4)),
        b"h": list(range(3, 2000, 4)),
    }
    first = json.loads(found[0].value() or b"")
    assert first["time"] == TIME and first["source"] in SOURCES
    assert found[0].timestamp()[1] == 1_795_155_522_123


async def test_a_message_that_is_too_large_is_refused_and_the_others_are_there():
    with brokers() as some:
        async with closing(target(some.servers)) as one:
            large = b"x" * 1_100_000
            with pytest.raises(PartlyRefused, match="too large") as partly:
                await one.send(sent(b"a", large, b"b"))
            assert list(partly.value.which) == [1]
            with pytest.raises(RefusedForGood, match="too large"):
                await one.send(sent(large))
        assert len(some.messages(2)) == 2


async def test_messages_that_a_broker_refuses_are_refused_for_good():
    """The messages of a request are refused together: the lines are sent by halves."""
    with brokers() as some:
        async with closing(target(some.servers)) as one:
            some.answer(87)
            with pytest.raises(RefusedForGood, match="ecord"):
                await one.send(sent(b"a"))
            await one.send(sent(b"b"))


@pytest.mark.slow
async def test_a_broker_that_has_no_time_is_asked_again():
    """NOT_ENOUGH_REPLICAS and the like: librdkafka sends again, once each and in order."""
    with brokers() as some:
        async with closing(target(some.servers)) as one:
            some.answer(19, 7, 6)
            await one.send(numbered(100))
        found = [json.loads(one.value() or b"")["message"] for one in some.messages(100)]
    assert found == [f"message {number}" for number in range(100)]


@pytest.mark.slow
@pytest.mark.parametrize("error", [29, 31])
async def test_a_topic_without_the_right_to_write_is_settled(error):
    with brokers() as some:
        async with closing(target(some.servers)) as one:
            some.answer(error)
            why = await unavailable(one.send(sent(b"a")))
            assert why.settled and "uthoriz" in str(why)
            await one.send(sent(b"a"))


@pytest.mark.slow
async def test_an_unknown_topic_is_settled():
    with brokers() as some:
        some.forget("nowhere")
        async with closing(target(some.servers, 5.0, topic="nowhere")) as one:
            why = await unavailable(one.send(sent(b"a")))
            assert why.settled and "nowhere" in str(why)


@pytest.mark.slow
async def test_brokers_that_are_away_are_unavailable_and_not_settled():
    async with closing(target(f"127.0.0.1:{free_port()}", 1.0)) as one:
        why = await unavailable(one.send(sent(b"a")))
        assert not why.settled and "refused" in str(why)


async def test_a_cancelled_send_to_kafka_ends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with closing(target(f"127.0.0.1:{silent.getsockname()[1]}")) as one:
            sending = call_target(one.send, sent(b"a"))
            sending.cancel()
            with pytest.raises(CancelledError):
                await sending


LOGIN_REFUSED = -169
"""The code of librdkafka for a login that fails (_AUTHENTICATION)."""


class ProducerOfTurns:
    """In place of librdkafka: each producer reports an error of the login, until `logins` are allowed."""

    logins = False

    def __init__(self, options: dict[str, Any]) -> None:
        self.record_error = options["error_cb"]
        self.waiting: list[Callable[[None, None], None]] = []
        self.polls = 0

    def produce(self, *_: object, on_delivery: Callable[[None, None], None], **__: object) -> None:
        self.waiting.append(on_delivery)

    def poll(self, _: float) -> None:
        self.polls += 1
        if not self.logins:
            self.record_error(KafkaError(LOGIN_REFUSED))
        elif self.polls > 1:
            while self.waiting:
                self.waiting.pop()(None, None)

    def purge(self, *, blocking: bool) -> None:
        self.waiting.clear()


async def test_lines_go_to_kafka_again_once_its_login_is_mended(monkeypatch):
    """The error of the last send is over, although the brokers need a moment for the next one."""
    monkeypatch.setattr(kafka_target, "Producer", ProducerOfTurns)
    async with closing(target("localhost:9")) as one:
        assert (await unavailable(one.send(sent(b"a")))).settled
        monkeypatch.setattr(ProducerOfTurns, "logins", True)
        await one.send(sent(b"a"))


async def test_an_unreadable_certificate_file_for_kafka_is_settled(tmp_path):
    url = settings("kafka+tls://localhost/logs", tls=TLSOptions(cafile=tmp_path / "none"))
    why = await unavailable(KafkaTarget(url, REACTOR).send(sent(b"a")))
    assert why.settled and "ssl.ca.location failed" in str(why)


@pytest.mark.slow
async def test_kafka_tls_sends_nothing_to_a_broker_without_tls(tmp_path):
    with brokers() as some:
        # The mock speaks no TLS: what is certain is that lines do not go there without it.
        ca = Authority(tmp_path).cafile
        url = settings(f"kafka+tls://{some.servers}/logs", tls=TLSOptions(cafile=ca))
        async with closing(KafkaTarget(url, REACTOR, 3.0)) as one:
            assert "SSL" in str(await unavailable(one.send(sent(b"a"))))


async def test_the_error_of_a_refused_kafka_login_hides_the_password():
    """The mock knows no logins, and refuses all."""
    with brokers() as some:
        async with closing(target(some.servers, 5.0, token="me:secret")) as one:
            why = await unavailable(one.send(sent(b"a")))
            assert "secret" not in str(why) and "SASL" in str(why)


def test_a_login_at_kafka_has_a_name_and_a_password():
    url = parse_ship_url("kafka+tls://a/logs?mechanism=scram-sha-512")
    found = kafka_login_options(url, "ann:ge:heim")
    assert list(found.values()) == ["SCRAM-SHA-512", "ann", "ge:heim"]
    assert kafka_login_options(url, None) == {}


@pytest.mark.parametrize(
    ("query", "token", "sentence"),
    [
        ("?mechanism=GSSAPI", None, "only mechanism= may stand, with PLAIN"),
        ("?group=a", None, "not group"),
        ("", "geheim", "has no name and password in it"),
    ],
)
def test_unknown_parameters_of_a_kafka_url_are_refused(query, token, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as error:
        kafka_login_options(parse_ship_url(f"kafka+tls://a/logs{query}"), token)
    assert "geheim" not in str(error.value)
