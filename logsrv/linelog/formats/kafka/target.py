"""The target `kafka:`: a topic of Kafka, by librdkafka.

librdkafka has its own threads, and reports delivered and failed messages when it is polled: every few
milliseconds while lines are in flight. Its producer is idempotent: messages that it repeats by itself
arrive once and in order. Lines that the shipper sends again, because no answer came, may arrive twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from twisted.internet.task import deferLater

from logsrv import __version__
from logsrv.kit.text.escape import one_line
from logsrv.linelog.formats.kafka.login import kafka_login_options
from logsrv.linelog.formats.kafka.send import REFUSED, SETTLED, kafka_messages
from logsrv.linelog.ship.targets.target import (
    LineBatch,
    PartlyRefused,
    RefusedForGood,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

SECONDS = 25.0
"""The seconds within which messages must be acknowledged: less than a shipper waits for an answer."""
LOOK = 0.005
"""Seconds between two polls of librdkafka."""
_LONGEST = 300


class KafkaTarget:
    """A topic, at `kafka://HOST[:PORT][,HOST…]/TOPIC`."""

    promise = (
        "at least once: a line counts as sent when all brokers that are in step have it (acks=all);"
        " after an answer that never came lines may come twice"
    )
    most_lines = 10_000
    most_bytes = 2 << 20
    ahead = 0

    def __init__(self, settings: TargetSettings, reactor: Any, seconds: float = SECONDS) -> None:
        """Raises ConfigurationError."""
        self.who = one_line(settings.url.loggable_url)
        self._reactor = reactor
        self._topic = settings.url.path.removeprefix("/")
        self._options = {
            **_librdkafka_options(settings),
            "message.timeout.ms": round(seconds * 1000),
            # An unknown topic is an error only after this time: all brokers have to learn of a new topic.
            "topic.metadata.propagation.max.ms": round(seconds * 1000 / 5),
        }
        self._producer: Producer | None = None
        # The last error that is not about one message: why no message arrives.
        self._trouble: KafkaError | None = None

    async def close(self) -> None:
        self._drop_producer()

    async def send(self, batch: LineBatch) -> None:
        """Send lines; return when the brokers have acknowledged all of them."""
        lines = batch.lines
        if not lines:
            return
        try:
            answers = await self._send_and_collect_errors(lines)
        except BaseException:
            # Drop the producer with its messages in flight: nobody waits for their answers any more.
            self._drop_producer()
            raise
        refused = {row: error for row, error in answers.items() if error.code() in REFUSED}
        if len(refused) < len(answers):
            self._drop_producer()
            raise self._unavailable(next(one for row, one in answers.items() if row not in refused))
        if refused:
            which = sorted(refused)
            sentence = f"{self.who}: {_error_text(refused[which[0]])}"
            if len(which) == len(lines):
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, len(which), which)

    async def _send_and_collect_errors(self, lines: Sequence[bytes]) -> dict[int, KafkaError]:
        """Send lines; when all have an answer, return the errors of the failed lines, by index.

        Raises Unavailable if an error that does not pass by itself stops all lines.
        """
        producer = self._get_or_make_producer()
        self._trouble = None
        errors: dict[int, KafkaError] = {}
        left = set(range(len(lines)))

        def answered(row: int, error: KafkaError | None, _: object) -> None:
            left.discard(row)
            if error is not None:
                errors[row] = error

        for row, message in enumerate(kafka_messages(lines)):
            try:
                producer.produce(
                    self._topic,
                    message.value,
                    message.key,
                    timestamp=message.moment,
                    on_delivery=partial(answered, row),
                )
            except KafkaException as error:
                answered(row, error.args[0], None)
        while left:
            await deferLater(self._reactor, LOOK)
            producer.poll(0)
            if left and self._trouble is not None and self._trouble.code() in SETTLED:
                raise self._unavailable(self._trouble)
        return errors

    def _get_or_make_producer(self) -> Producer:
        if self._producer is None:
            try:
                self._producer = Producer({**self._options, "error_cb": self._record_error})
            except KafkaException as error:
                # Certificates are read here, and again after each failure.
                raise Unavailable(
                    f"{self.who}: {_error_text(error.args[0])}", settled=True
                ) from None
        return self._producer

    def _record_error(self, error: KafkaError) -> None:
        # librdkafka reports first the reason, then that all brokers are down: keep the reason.
        if self._trouble is None or error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._trouble = error

    def _unavailable(self, error: KafkaError) -> Unavailable:
        why = self._trouble if error.code() == KafkaError._MSG_TIMED_OUT else None
        error = why or error
        named = f" ({self._topic})" if error.code() in (3, -188, 29) else ""
        return Unavailable(
            f"{self.who}: {_error_text(error)}{named}", settled=error.code() in SETTLED
        )

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge(blocking=False)
            producer.poll(0)


def _error_text(error: KafkaError) -> str:
    return one_line(error.str(), _LONGEST).rstrip(".")


def _librdkafka_options(settings: TargetSettings) -> dict[str, Any]:
    """Return the settings of librdkafka."""
    url, tls = settings.url, settings.tls
    options: dict[str, Any] = {
        "bootstrap.servers": url.netloc,
        "client.id": f"logsrv-{settings.name}",
        "client.software.name": "logsrv",
        "client.software.version": __version__,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "zstd",
        # The partitioner of the Java clients: the same key goes to the same partition.
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "socket.keepalive.enable": settings.keepalive is not None,
        # librdkafka logs nothing: the shipper reports the errors.
        "log_level": 0,
        "security.protocol": f"{'SASL_' if settings.token else ''}{'SSL' if url.tls else 'PLAINTEXT'}",
    }
    files = {
        "ssl.ca.location": tls.cafile,
        "ssl.certificate.location": tls.certificate,
        "ssl.key.location": tls.key or tls.certificate,
    }
    if url.tls:
        options |= {name: str(path) for name, path in files.items() if path is not None}
    return options | kafka_login_options(url, settings.token)
