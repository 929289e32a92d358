"""A token and its cookie, checked by what its file has."""

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.http.readers.token_file import (
    TOKEN_FILE,
    KnownToken,
    new_token,
    read_token_file,
)


def test_a_file_has_a_token_or_its_hash(tmp_path):
    token, made = new_token()
    for text in (token, made.line):
        (tmp_path / "file").write_text(f"{text}\n")
        known, plain = read_token_file("token", tmp_path / "file")
        assert known.is_of(token.encode()) and not known.is_of(made.line.encode())
        assert known.is_of_cookie(known.cookie(token.encode()))
        assert plain == (token if text == token else None)


def test_each_token_is_another_one_and_so_is_its_cookie():
    (token, known), (other_token, other) = new_token(), new_token()
    assert token != other_token and len(token) >= 43
    assert not other.is_of(token.encode())
    assert known.cookie_name != other.cookie_name
    assert not other.is_of_cookie(known.cookie(token.encode()))


def test_the_file_of_a_hash_tells_neither_token_nor_cookie():
    token, known = new_token()
    cookie = known.cookie(token.encode()).decode()
    assert not known.is_of_cookie(known.digest.encode())
    for secret in (token, cookie):
        assert secret not in known.line and secret not in known.cookie_name.decode()
    assert KnownToken.of(token, "another salt").cookie(token.encode()).decode() != cookie


@pytest.mark.parametrize(
    ("text", "said"), [("logsrv-token:12:34", "whole line"), ("", "no token"), ("a\nb", "2 lines")]
)
def test_a_file_without_a_token_is_refused(tmp_path, text, said):
    (tmp_path / "file").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_token_file("token", tmp_path / "file")


def test_everybody_may_read_a_hash_but_no_token(tmp_path):
    token, made = new_token()
    for text, is_harmless in ((token, False), (made.line, True), ("logsrv-token:12", False)):
        (tmp_path / "file").write_text(f"{text}\n")
        assert TOKEN_FILE.harmless(tmp_path / "file") is is_harmless
    assert not TOKEN_FILE.harmless(tmp_path / "missing")
