"""What a shipper does with a server that lies, or with a copy of the stream that is behind its leader."""

from collections.abc import Callable

import pytest

from logsrv.linelog.formats.nats import streams
from logsrv.linelog.formats.nats.target import JetStreamTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import LastBlock, MisplacedBlock, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.packed_block import PackedBlock
from tests.parts.nats_centres import ONE, chain
from tests.parts.nats_liars import (
    CONFIG,
    JUNK,
    Liar,
    Question,
    lying_server,
    raw_headers,
    stream_info,
)
from tests.parts.reactor import REACTOR

DIRECT = stream_info(config={**CONFIG, "allow_direct": True})
FIRST, SECOND = chain(ONE, 2)
NOTHING = b"NATS/1.0 404 Message Not Found\r\n\r\n"


def target(server: Liar) -> JetStreamTarget:
    url = parse_ship_url(f"nats://127.0.0.1:{server.port}/LOGS")
    return JetStreamTarget(TargetSettings(name="a", url=url, store=ONE), REACTOR)


def stored(block: PackedBlock, sequence: object, subject: str = f"logs.{ONE}") -> bytes:
    """Return the headers of a block, as a server gives it out by its subject."""
    sequence_headers = {
        "Nats-Stream": "LOGS",
        "Nats-Subject": subject,
        "Nats-Sequence": str(sequence),
    }
    return raw_headers({**block.headers(), **sequence_headers})


class Server:
    """The answers of a server. copies: the headers that a copy gives out, one after the other."""

    def __init__(self, *copies: bytes, last: int = 2, info: object = DIRECT) -> None:
        self.copies, self.last, self.info = list(copies), last, info
        self.sent: object = {"stream": "LOGS", "seq": 3}

    def __call__(self, question: Question) -> None:
        if "STREAM.INFO" in question.subject:
            question.answer(self.info)
        elif "DIRECT.GET" in question.subject:
            headers = self.copies.pop(0) if len(self.copies) > 1 else self.copies[0]
            question.answer(b"", headers=headers)
        elif question.body:
            question.answer(self.sent)
        else:
            why = f"wrong last sequence: {self.last}"
            question.answer({"error": {"err_code": 10071, "description": why}})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LAGS", 0.01)


@pytest.mark.parametrize("behind", [stored(FIRST, 1), NOTHING])
async def test_a_copy_that_lags_behind_is_asked_again(behind):
    """What it says would look as if the stream had lost blocks, or had never had any."""
    with lying_server(Server(behind, behind, stored(SECOND, 2))) as server:
        one = target(server)
        assert await one.fetch_last_block() == LastBlock(SECOND.end, SECOND.start, SECOND.crc)
        await one.close()


async def test_a_copy_that_never_catches_up_is_an_error_that_says_so():
    with lying_server(Server(stored(FIRST, 1))) as server:
        one = target(server)
        with pytest.raises(Unavailable, match="lacks the newest messages") as refused:
            await one.fetch_last_block()
        assert not refused.value.settled
        await one.close()


@pytest.mark.parametrize(
    ("names", "total", "told"),
    [
        (["logsrv-a"], 1, True),
        (["logsrv-a", "pump"], 2, False),
        # The rest of the names is on another page.
        (["logsrv-a"], 2, False),
        (7, 1, False),
    ],
)
async def test_a_full_stream_lacks_a_centre_only_if_the_server_names_all_consumers(
    names, total, told
):
    limits = {"max_bytes": 1000, "discard": "new"}
    state = {"first_seq": 1, "bytes": 999, "consumer_count": 1}
    others = Server(
        stored(SECOND, 2),
        info={**DIRECT, "config": {**CONFIG, **limits, "allow_direct": True}, "state": state},
    )

    def answer(question: Question) -> None:
        if "CONSUMER.NAMES" in question.subject:
            question.answer({"consumers": names, "total": total})
        else:
            others(question)

    with lying_server(answer) as server:
        one = target(server)
        await one.fetch_last_block()
        assert "has used more than" in one.warning
        assert ("no centre fetches from it" in one.warning) is told
        await one.close()


LAST: dict[str, Callable[[], Server]] = {
    **{f"info {n}": (lambda one=one: Server(info=one)) for n, one in enumerate(JUNK)},  # type: ignore[misc]
    **{
        f"config {n}": (lambda one=one: Server(info={**DIRECT, **one}))  # type: ignore[misc]
        for n, one in enumerate(
            (
                {"config": [1]},
                {"config": {"subjects": 5}},
                {"config": {"subjects": [5, None]}},
                {"config": {**CONFIG, "num_replicas": "x"}},
                {"config": {**CONFIG, "retention": [1]}},
                {"state": [1]},
                {"state": {"first_seq": "boo"}},
            )
        )
    },
    **{
        f"last {n}": (lambda one=one: Server(one))  # type: ignore[misc]
        for n, one in enumerate(
            (
                b"NATS/1.0\r\n\r\n",
                b"NATS/1.0 500 \xff\r\n\r\n",
                stored(SECOND, "x"),
                stored(SECOND, -1),
                stored(SECOND, 2**70),
                stored(SECOND, 2, "logs.else"),
            )
        )
    },
    "last of another store": lambda: Server(stored(chain(32 * "c", 1)[0], 2)),
    "next one that is none": lambda: Server(stored(SECOND, 2), last=2**80),
}


@pytest.mark.parametrize("lie", LAST)
async def test_a_lie_about_the_stream_is_a_sentence(lie):
    with lying_server(LAST[lie]()) as server:
        one = target(server)
        with pytest.raises(Unavailable) as told:
            await one.fetch_last_block()
        assert len(str(told.value)) < 500
        assert "\x1b" not in str(told.value)
        await one.close()


@pytest.mark.parametrize(
    "answer", [*JUNK, *({"stream": "LOGS", "seq": one} for one in ("x", -1, 2**70, True, [1]))]
)
async def test_a_lie_about_a_block_is_a_sentence_and_the_next_answer_counts(answer):
    answers = Server(stored(FIRST, 1), last=1)
    with lying_server(answers) as server:
        one = target(server)
        await one.fetch_last_block()
        answers.sent = answer
        with pytest.raises(Unavailable):
            await one.send(SECOND)
        answers.sent = {"stream": "LOGS", "seq": 2}
        await one.fetch_last_block()
        await one.send(SECOND)
        await one.close()


@pytest.mark.parametrize("code", [10071, 10164])
async def test_a_block_that_is_not_the_next_is_misplaced(code):
    answers = Server(stored(FIRST, 1), last=1)
    with lying_server(answers) as server:
        one = target(server)
        await one.fetch_last_block()
        answers.sent = {"error": {"err_code": code, "description": "wrong last sequence"}}
        with pytest.raises(MisplacedBlock):
            await one.send(SECOND)
        await one.close()
