"""The message template: fields are replaced, and nothing else can be reached through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.greet.message import FIELDS, parse_message

VALUES = {field: f"<{field}>" for field in FIELDS}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Thank you for connecting", "Thank you for connecting"),
        ("{peer} {host}:{port} {time} {count}", "<peer> <host>:<port> <time> <count>"),
        (r"one\ntwo", "one\r\ntwo"),
        ("one\ntwo", "one\r\ntwo"),
        (r"a\\nb", r"a\nb"),
        ("{{peer}} }}{{", "{peer} }{"),
        ("", ""),
    ],
)
def test_fields_braces_and_escapes_are_parsed(text, said):
    assert parse_message(text).render(VALUES) == said


@pytest.mark.parametrize(
    "text",
    [
        "{foo}", "{}", "{0}", "{peer.__class__}", "{peer[0]}", "{peer!r}", "{peer:>9}", "{ peer}",
        "{peer:{host}}", "{", "}", "{peer", "peer}",
    ],
)  # fmt: skip
def test_a_wrong_message_is_refused_with_a_sentence(text):
    """An unknown field, and every trick of str.format, is refused with the fields there are."""
    with pytest.raises(ValueError, match=r"no field|alone"):
        parse_message(text)


@pytest.mark.parametrize(
    ("message", "heard", "found"),
    [
        ("Thank you for connecting", "Thank you for connecting", True),
        ("Thank you for connecting", "Thank you for connecting!", False),
        (r"Thank you\nfor connecting", "Thank you\nfor connecting", True),
        (r"Thank you,\n{peer}", "Thank you,\nudp:10.0.0.1:7000", True),
        ("Thank you, {host}, no. {count}!", "Thank you, ::1, no. 77!", True),
        ("Thank you, {host}, no. {count}!", "Thank you, ::1!", False),
        ("Thank you {{{host}}}", "Thank you {10.0.0.1}", True),
        ("{host}: Thank you", "udp: Thank you", True),
        ("{host}: Thank you", "udp: Thank you very much", False),
        ("abcdefgh{host}fgh", "abcdefgh", False),
        ("hi {host}", "hi there", False),
        ("{count}", "1", False),
    ],
)
def test_a_message_is_known_again_whatever_is_in_its_fields(message, heard, found):
    """Not one that is hardly more than fields: everybody would seem to say it."""
    assert parse_message(message).resembles(heard) is found


@given(st.text())
def test_any_text_is_a_message_or_a_sentence(text):
    """Whatever is accepted renders with just the five fields; the rest is refused properly."""
    try:
        message = parse_message(text)
    except ValueError:
        return
    assert message.fields <= set(FIELDS)
    message.render(VALUES)
