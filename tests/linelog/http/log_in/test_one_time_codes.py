"""A one-time code logs in once, soon, for the holder of the token, in the browser of one user."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from logsrv.linelog.http.log_in.one_time_codes import (
    LIFETIME,
    CodeState,
    OneTimeCodes,
    make_code,
)

TOKEN = "correct-horse"
NOW = 1_800_000_000.0
NONCE = bytes(range(12))


def code(now: float = NOW, nonce: bytes = NONCE, token: str = TOKEN, uid: int | None = None) -> str:
    return make_code(token, now, nonce, uid)


def spend(codes: OneTimeCodes, text: str, now: float = NOW, **how: int | None) -> CodeState:
    return codes.spend(text, TOKEN.encode(), now, **how)


def test_a_code_is_right_once():
    codes = OneTimeCodes(NOW - 5)
    assert spend(codes, code()) is CodeState.RIGHT
    assert spend(codes, code()) is spend(codes, code(), NOW + 59) is CodeState.USED
    assert spend(codes, code(nonce=b"another nonce")) is CodeState.RIGHT


def test_a_code_expires_and_is_forgotten_then():
    codes = OneTimeCodes(NOW - 5)
    assert spend(codes, code()) is CodeState.RIGHT and codes.remembered == 1
    late = NOW + LIFETIME + 0.1
    assert spend(codes, code(nonce=b"never used  "), late) is CodeState.EXPIRED
    assert codes.remembered == 0
    assert spend(codes, code(), late) is CodeState.EXPIRED


def test_a_clock_that_is_set_back_makes_no_used_code_good_again():
    codes = OneTimeCodes(NOW - 5)
    assert spend(codes, code()) is CodeState.RIGHT
    assert spend(codes, code(), NOW + LIFETIME + 1) is CodeState.EXPIRED
    assert spend(codes, code(), NOW) is CodeState.EXPIRED


def test_a_restarted_server_refuses_codes_of_before_which_it_may_have_accepted():
    assert spend(OneTimeCodes(NOW + 1), code(), NOW + 2) is CodeState.EXPIRED


def test_a_code_of_the_future_is_refused_but_for_a_few_seconds():
    codes = OneTimeCodes(NOW - 5)
    assert spend(codes, code(NOW + 600)) is CodeState.EXPIRED
    assert spend(codes, code(NOW + 2)) is CodeState.RIGHT


def test_a_code_is_for_the_browser_of_one_user_and_root():
    codes = OneTimeCodes(NOW - 5)
    assert spend(codes, code(uid=1000), uid=65534) is CodeState.OTHER_USER
    assert spend(codes, code(uid=1000), uid=1000) is CodeState.RIGHT
    for number, uid in enumerate((0, None)):
        assert spend(codes, code(uid=1000, nonce=b"%012d" % number), uid=uid) is CodeState.RIGHT
    assert spend(codes, code(nonce=b"for all     "), uid=65534) is CodeState.RIGHT


def test_another_token_makes_another_code():
    assert spend(OneTimeCodes(NOW - 5), code(token="guess")) is CodeState.WRONG


@given(some.text(max_size=80))
def test_no_other_text_is_a_code(text):
    assert spend(OneTimeCodes(NOW - 5), text) is CodeState.WRONG


@pytest.mark.parametrize("at", range(len(code(uid=1000))))
def test_a_code_with_another_character_is_wrong(at):
    right = code(uid=1000)
    other = "A" if right[at] != "A" else "B"
    changed = right[:at] + other + right[at + 1 :]
    assert spend(OneTimeCodes(NOW - 5), changed) is CodeState.WRONG


def test_only_what_a_holder_of_the_token_made_is_remembered():
    codes = OneTimeCodes(NOW - 5)
    for number in range(50):
        spend(codes, code(token="guess", nonce=b"%012d" % number))
        spend(codes, code(NOW - 100, nonce=b"%012d" % number))
    assert codes.remembered == 0


def test_a_code_needs_no_escape_in_an_address_and_shows_no_token():
    assert set(code(uid=1000)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    )
    assert TOKEN not in code()
