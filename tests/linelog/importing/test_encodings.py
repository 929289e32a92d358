"""Files with runs of NULs at the borders of buffers, and in UTF-16 with or without its mark; packed too."""

import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard

from logsrv.linelog.importing.files import find_log_files
from logsrv.linelog.importing.packed import CHUNK
from logsrv.linelog.importing.summary import file_sentence

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
LINE = "2026-11-20T06:00:00Z grüß {}\n"
ONE, TWO, THREE = (LINE.format(number) for number in ("one", "two", "three"))
NULS = "[logsrv import: {:,} NUL bytes here in the file]\n"
LONG = ONE * (3 * CHUNK // len(ONE))


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize(
    ("data", "text", "utf8_from"),
    [
        (b"\0" * CHUNK + ONE.encode(), NULS.format(CHUNK) + ONE, None),
        (ONE.encode() + b"\0" * CHUNK, ONE + NULS.format(CHUNK), None),
        (ONE.encode() + b"\0" * (CHUNK - len(ONE.encode())) + TWO.encode(),
         ONE + NULS.format(CHUNK - len(ONE.encode())) + TWO, None),
        (ONE.encode() + b"\0" * 3 * CHUNK + TWO.encode(), ONE + NULS.format(3 * CHUNK) + TWO, None),
        (LONG.encode() + b"\0" * 5 + TWO.encode(), LONG + NULS.format(5) + TWO, None),
        (b"\0" * (CHUNK - 1) + b"\n" + TWO.encode(), NULS.format(CHUNK - 1) + TWO, None),
        (LONG.encode("utf-16-le"), LONG, None),
        (LONG.encode("utf-16-be"), LONG, None),
        (LONG.encode("utf-16") + TWO.encode() * 9, LONG + TWO * 9, 2 + 2 * len(LONG)),
        (ONE.encode("utf-16-le") + LONG.encode(), ONE + LONG, 2 * len(ONE)),
        (b"\xff\xfe" + LONG.encode(), LONG, 2),
        (LONG.encode("utf-16") + b"\0" * CHUNK + TWO.encode("utf-16-le"),
         LONG + NULS.format(CHUNK // 2) + TWO, None),
    ],
)  # fmt: skip
def test_no_line_is_garbage(tmp_path, packer, data, text, utf8_from):
    (tmp_path / "app.log").write_bytes(PACKERS[packer](data))
    (file,) = find_log_files([str(tmp_path)], pytest.fail, pytest.fail)
    assert file.read_first_moment() is not None
    assert b"".join(lines for _, lines in file.read_dated_lines()).decode() == text
    assert not file.cut
    told = f"in UTF-8 from byte {utf8_from or 0:,} on, in UTF-16 before it"
    assert (told in file_sentence(file)) is (utf8_from is not None)
