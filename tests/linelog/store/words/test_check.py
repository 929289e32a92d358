"""Each byte of a word index is under some checksum."""

import pytest

from logsrv.linelog.store.words.check import check_words
from logsrv.linelog.store.words.lookup import WordIndex
from tests.parts.examined_stores import packed_of, small_store


def test_a_flipped_bit_anywhere_is_noticed(tmp_path):
    store = small_store(tmp_path / "store", words=6000)
    data = (store / packed_of(store)[0].words).read_bytes()
    check_words(WordIndex(data))
    missed = []
    for at in range(0, len(data), max(1, len(data) // 400)):
        hurt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            check_words(WordIndex(hurt))
        except ValueError:
            continue
        missed.append(at)
    assert not missed
    with pytest.raises(ValueError):
        check_words(WordIndex(data[:-1]))
