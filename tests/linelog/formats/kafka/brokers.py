"""librdkafka's own mock of brokers, which speaks Kafka's protocol on ports of this machine.

No real broker was tried. confluent_kafka can only begin a mock; the functions that let it answer with
errors are in the library that its wheels bring along.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import confluent_kafka
import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from logsrv.kit.testing.patience import PATIENCE

TOPIC = "logs"
PRODUCE = 0
"""The number of the request that brings messages."""
_PRODUCER = 0


@attrs.frozen
class Brokers:
    """Brokers that run. servers: hosts and ports, with commas."""

    servers: str
    _library: ctypes.CDLL
    _mock: int

    def answer(self, *errors: int) -> None:
        """Let the next requests with messages be answered with these errors; 0 for none."""
        codes = [ctypes.c_int(error) for error in errors]
        mock = ctypes.c_void_p(self._mock)
        self._library.rd_kafka_mock_push_request_errors(
            mock, ctypes.c_int16(PRODUCE), ctypes.c_size_t(len(codes)), *codes
        )

    def forget(self, topic: str) -> None:
        """Know nothing of a topic from now on."""
        mock = ctypes.c_void_p(self._mock)
        self._library.rd_kafka_mock_topic_set_error(mock, topic.encode(), ctypes.c_int(3))

    def messages(self, number: int, topic: str = TOPIC, partitions: int = 4) -> list[Message]:
        """Return so many messages, by partition and offset, once they are there."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "test", "log_level": 0})
        consumer.assign([TopicPartition(topic, one, 0) for one in range(partitions)])
        found: list[Message] = []
        while len(found) < number:
            come = consumer.consume(number - len(found), timeout=PATIENCE)
            assert come, f"{len(found)} of {number} messages"
            found += [one for one in come if one.error() is None]
        found += [one for one in consumer.consume(1, timeout=0.1) if one.error() is None]
        consumer.close()
        return sorted(found, key=lambda one: (one.partition() or 0, one.offset() or 0))


@contextmanager
def brokers(number: int = 1, partitions: int = 4) -> Iterator[Brokers]:
    """Run mock brokers with the topic TOPIC."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = next(folder.glob("librdkafka-*.so*"), None)
    if found is None:
        pytest.skip("this confluent_kafka has no librdkafka of its own")
    library = ctypes.CDLL(str(found))
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    said = ctypes.create_string_buffer(512)
    client = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, None, said, ctypes.c_size_t(512)))
    assert client.value, said.value
    mock = library.rd_kafka_mock_cluster_new(client, number)
    try:
        library.rd_kafka_mock_topic_create(ctypes.c_void_p(mock), TOPIC.encode(), partitions, 1)
        servers = library.rd_kafka_mock_cluster_bootstraps(ctypes.c_void_p(mock)).decode()
        yield Brokers(servers, library, mock)
    finally:
        library.rd_kafka_mock_cluster_destroy(ctypes.c_void_p(mock))
        library.rd_kafka_destroy(client)
