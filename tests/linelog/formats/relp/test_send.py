"""The client's side of RELP against the server's: our own input answers, or a script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.outgoing_syslog import syslog_messages
from logsrv.linelog.formats.relp.parse import RelpFramer
from logsrv.linelog.formats.relp.send import RelpSession, RelpState
from logsrv.linelog.lines.rules import LineRules
from tests.parts.sample_lines import LINES


def opened(number: int = 0) -> RelpSession:
    session = RelpSession(number)
    assert session.open_command().startswith(b"%d open " % (number + 1))
    answer = b"%d rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n" % (number + 1)
    session.receive_answers(answer)
    assert session.state is RelpState.OPEN
    return session


@given(LINES, st.integers(1, 60), st.integers(1, 5))
def test_our_own_input_acknowledges_all(lines, size, rounds):
    """Wherever the network cuts; and the same session is used again."""
    session, server = RelpSession(), RelpFramer(LineRules())
    messages = syslog_messages(lines)

    def talk(data: bytes) -> list[bytes]:
        found: list[bytes] = []
        for at in range(0, len(data), size):
            found += server.receive(data[at : at + size])
        answer = server.take_answers()
        for at in range(0, len(answer), size):
            session.receive_answers(answer[at : at + size])
        return found

    talk(session.open_command())
    for _ in range(rounds):
        stored = talk(session.frame_messages(messages))
        assert stored == [message.removesuffix(b"\0") for message in messages]
        assert session.unanswered_count == 0 and not session.refused
    talk(session.close_command())
    assert session.state is RelpState.OVER


def test_a_message_that_is_refused_is_named():
    session = opened()
    assert (
        session.frame_messages([b"a", b"b", b"c"]) == b"2 syslog 1 a\n3 syslog 1 b\n4 syslog 1 c\n"
    )
    session.receive_answers(b"2 rsp 6 200 OK\n3 rsp 11 500 no room\n4 rsp 6 200 OK\n")
    assert session.unanswered_count == 0
    assert session.refused == {1: 'it answers "500 no room"'}
    session.frame_messages([b"d"])
    session.receive_answers(b"5 rsp 6 200 OK\n")
    assert session.first_unanswered == 4 and list(session.refused) == [1]


def test_answers_come_in_any_order():
    session = opened()
    session.frame_messages([b"a", b"b"])
    session.frame_messages([b"c"])
    session.receive_answers(b"4 rsp 6 200 OK\n2 rsp 6 200 OK\n")
    assert session.unanswered_count == 1 and session.first_unanswered == 1
    session.receive_answers(b"4 rsp 6 200 OK\n9 rsp 6 200 OK\n")
    assert session.unanswered_count == 1
    session.receive_answers(b"3 rsp 8 500 no!!\n")
    assert session.unanswered_count == 0 and session.state is RelpState.OPEN
    assert session.first_unanswered == 3 and list(session.refused) == [1]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"1 rsp 7 500 no!\n", 'it refuses the session: "500 no!"'),
        (b"1 rsp 6 200 OK\n", "it offers no syslog"),
        (b"HTTP/1.1 400 Bad Request\r\n", "its answer is not RELP"),
        (b"1 rsp 999999 ", "its answer is too long: 999999 bytes"),
        (b"1 rsp 3 200x\n", "its answer is not RELP"),
        (b"0 serverclose 0\n", "it closed the session"),
        (b"1 hello 0\n", "it sent the command hello"),
    ],
)
def test_a_bad_answer_to_open_ends_the_relp_session(answer, trouble):
    session = RelpSession()
    session.open_command()
    session.receive_answers(answer)
    assert session.state is RelpState.OVER
    assert session.trouble == trouble


@pytest.mark.parametrize("number", [0, 2, 999])
def test_an_answer_to_a_frame_that_was_not_sent_does_not_open_the_session(number):
    session = RelpSession()
    session.open_command()
    session.receive_answers(b"%d rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n" % number)
    assert session.state is RelpState.OVER
    assert session.trouble == f"it answers frame {number}, and 1 opens the session"


def test_an_unexpected_answer_to_a_message_ends_the_relp_session():
    session = opened()
    session.frame_messages([b"a"])
    session.receive_answers(b"2 rsp 3 300\n")
    assert session.trouble == "it answers 300"


def test_numbers_begin_anew_at_their_end():
    """They have nine digits; nobody waits for an answer to the first ones then."""
    session = opened(999_999_997)
    server = RelpFramer(LineRules())
    server.receive(RelpSession().open_command())
    server.take_answers()
    stored = server.receive(session.frame_messages([b"a", b"b"]))
    session.receive_answers(server.take_answers())
    assert stored == [b"a", b"b"] and session.unanswered_count == 0
