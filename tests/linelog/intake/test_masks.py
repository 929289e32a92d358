"""Masks over blocks: what is masked, what stays, and that a block gives what its lines give alone."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.batch import Block
from logsrv.linelog.intake.filter_options import FilterCounts, pattern_of_mask
from logsrv.linelog.intake.masks import MOST_FAR_LOOKS, Masks
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.parts.costs import calls

CARD = b"4111111111111111"
MASKS = (
    r"/\b\d{16}\b/",
    r"/\d{8,}/",
    "/password=[^ ]+/",
    r"/[\w.]+@[\w.]+/",
    r"/user (?P<name>\w+) from (?P<ip>[\d.]+)/",
    "/^a+/",
    "/b$/",
    "/a|ab/",
    "/é+/",
)


def masked(lines: bytes, *masks: str) -> bytes:
    return bytes(
        Masks([pattern_of_mask(one) for one in masks], FilterCounts()).apply(Block.of(lines))
    )


@pytest.mark.parametrize(
    ("mask", "line", "stored"),
    [
        (r"/\b\d{16}\b/", b"card " + CARD + b" ok", b"card (masked) ok"),
        (r"/\b\d{16}\b/", CARD + b"1 " + CARD, CARD + b"1 (masked)"),
        ("/bob/", b"Bob and bob", b"(masked) and (masked)"),
        ("/Bob/", b"Bob and bob", b"(masked) and bob"),
        ("/^a/", b"aaa", b"(masked)aa"),
        ("/a$/", b"aaa", b"aa(masked)"),
        (r"/\Aa\z/", b"a", b"(masked)"),
        ("/s.*/", b"a secret, all of it", b"a (masked)"),
        ("/pw=(?P<pw>[^ ]+)/", b"pw=x user=y", b"pw=(masked) user=y"),
        ("/pw=(?P<pw>[^ ]*)/", b"pw= user=y", b"pw= user=y"),
        ("/(?P<a>x(?P<b>y))z(?P<c>q)?/", b"xyz xyzq", b"(masked)z (masked)z(masked)"),
        (r"/\\xe9/", rb"caf\xe9", b"caf(masked)"),
        # What is found beside escapes is inside of what is found with them, or goes beyond it.
        (r"/\bk=\S*n\d+-\d+|\b\d{4}\b/", rb"k=a\n1234-99 x", b"(masked) x"),
        (r"/\bk=\w+|\b\d{4}-\d+/", rb"k=\n1234-99 x", b"k=\\n(masked) x"),
        (r"/\bk=\S\w*|\b\d{4}-\d+/", rb"k=\n1234-99 x", b"(masked) x"),
    ],
)
def test_each_match_becomes_masked_or_its_named_groups_do(mask, line, stored):
    assert masked(line + b"\n", mask) == stored + b"\n"


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (b'{"card":%b,"a":1}', b'{"card":"(masked)","a":1}'),
        (b'{"a":1, "card": %b }', b'{"a":1, "card": "(masked)" }'),
        (b'{"card":"%b"}', b'{"card":"(masked)"}'),
        (b'{"text":"card: %b, ok"}', b'{"text":"card: (masked), ok"}'),
        (rb'{"text":"{\"card\":%b,\"a\":1}"}', rb'{"text":"{\"card\":(masked),\"a\":1}"}'),
        (b'<13>app: {"card":%b}', b'<13>app: {"card":"(masked)"}'),
        (b"card: %b, ok", b"card: (masked), ok"),
        (b'x\n":%b,', b'x\n":(masked),'),
        (b'":%b,', b'":(masked),'),
    ],
)
def test_an_object_of_json_stays_one(line, stored):
    assert masked(line % CARD + b"\n", r"/\d{16}/") == stored + b"\n"


def test_no_match_goes_over_the_end_of_a_line():
    assert masked(b"a \nb\n", r"/a\s+b/", "/[^x]*b/", "/(?s)a.*b/") == b"a \n(masked)\n"


def test_each_mask_sees_what_the_one_before_has_left():
    assert masked(b"card=" + CARD + b"\n", r"/\d{16}/", "/card=[^ ]+/") == b"(masked)\n"


def test_a_clean_block_is_passed_on_as_it_is():
    block = Block.of(b"a line\n" * 2000)
    masks = Masks([pattern_of_mask(one) for one in MASKS[:4]], FilterCounts())
    assert masks.apply(block) is block


def test_masked_parts_and_their_bytes_are_counted():
    counts = FilterCounts()
    Masks([r"\d{16}", "bob"], counts).apply(Block(b"x bob\n", CARD + b"\nbob\nrest", 0, 21))
    assert (counts.masked, counts.masked_bytes) == (3, 22)


# Words that masks match, parts of them, and what stands between.
WORDS = st.sampled_from(
    [CARD, b"12345678", b"1234", b"password=", b"x", b"ab", b"aab", b"a@b", b"user ann from 10.0.0.1",
     b" ", b"  ", b'"k":', b",", "é".encode(), b"Password=ABC", b"\xff", b"."]
)  # fmt: skip
LINE = st.lists(WORDS, max_size=6).map(b"".join)


def reference(line: bytes, mask: str) -> bytes:
    """One line alone, by Python's own expressions: `$` and case as queries have them."""
    pattern = mask[1:-1].replace("$", r"\Z").encode()
    if rb"\b" in pattern:
        # A letter of an escape is in no word.
        pattern = pattern.replace(rb"\b", rb"(?:\b|(?<=\\x[0-9a-f]{2}))", 1)
    flags = re.IGNORECASE | re.DOTALL
    spans = []
    for found in re.finditer(pattern, line, flags):
        groups = [found.span(name) for name in sorted(found.groupdict())] or [found.span()]
        spans += sorted(span for span in groups if span[0] < span[1])
    for begin, end in reversed(spans):
        inner = re.search(rb'[^\\]": *\Z', line[:begin]) and re.match(rb" *[,}]", line[end:])
        line = line[:begin] + (b'"(masked)"' if inner else b"(masked)") + line[end:]
    return line


@given(st.lists(LINE, max_size=8), st.sampled_from([*MASKS[:3], *MASKS[4:8]]), st.booleans())
def test_a_block_gives_what_each_line_gives_alone(lines, mask, long):
    """Long: with many clean lines around, so that a first look decides which lines are searched."""
    clean = [b"-" * 99] * 50 if long else []
    # As they are stored; with --raw a byte that is not UTF-8 matches nothing. What stands behind an escape
    # is another test's matter.
    lines = [line.replace(b"\xff", rb"\xff-") for line in lines]
    text = b"".join(line + b"\n" for line in [*clean, *lines, *clean])
    expected = [reference(line, mask) for line in lines]
    assert masked(text, mask).split(b"\n")[len(clean) : len(clean) + len(lines)] == expected


MANY = (
    *MASKS, r"/\d{8}/", r"/\w+@[\w.]+\.[a-z]{2,}/", r"/\b\d+(\.\d+){3}\b/", r"/\S+@\S+/", r'/pw=[^"]+/'
)  # fmt: skip


@given(
    st.lists(st.one_of(LINE, st.binary(max_size=9)), min_size=1, max_size=5),
    st.sampled_from(MANY),
    st.sampled_from([b"", rb"\n", rb"\x0a", b"pw=", b"4" * 40, b"\xe9"]),
)
def test_a_block_with_many_matches_gives_what_its_lines_give_alone(lines, mask, before):
    """As after blocks with many: NumPy finds all of them, also where escapes or wrong bytes are."""
    lines = [before + line.replace(b"\n", b"") for line in lines]
    lines += [b"card %b ann@example.org 10.0.0.1 pw=geheim password=x" % CARD] * 40
    counts = FilterCounts(), FilterCounts()
    together, alone = (Masks([pattern_of_mask(mask)], count) for count in counts)
    text = b"".join(line + b"\n" for line in lines * 2)
    for _ in range(2):
        stored = bytes(together.apply(Block.of(text)))
    expected = [bytes(alone.apply(Block.of(line + b"\n"))) for line in lines] * 2
    assert stored == b"".join(expected)
    assert counts[0].masked == 4 * counts[1].masked
    assert counts[0].masked_bytes == 4 * counts[1].masked_bytes


@given(
    st.lists(LINE, max_size=8), st.sampled_from(MASKS), st.lists(st.integers(0, 300), max_size=5)
)
def test_masking_does_not_depend_on_the_splits_of_what_arrives(lines, mask, cuts):
    sent = b"".join(line + b"\n" for line in lines)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    framer = LineFramer(LineRules(), LineCounts())
    masks = Masks([pattern_of_mask(mask)], FilterCounts())
    stored = b""
    for start, stop in pairwise(bounds):
        block = framer.receive(sent[start:stop])
        stored += bytes(masks.apply(block)) if block is not None else b""
    whole = LineFramer(LineRules(), LineCounts()).receive(sent)
    assert stored == (masked(bytes(whole), mask) if whole is not None else b"")


@pytest.mark.parametrize("offset", range(20))
def test_digits_in_a_row_are_found_wherever_they_begin(offset):
    """Only every fourth byte is looked at first."""
    text = b"-" * (5000 + offset) + b" " + CARD + b"\n" + b"1-2-3-4-" * 700 + b"\n"
    assert masked(text, r"/\b\d{16}\b/") == text.replace(CARD, b"(masked)")


@pytest.mark.parametrize(
    "mask", ["/pin=[^ ]{4}/", r"/pin=\S{1,4}/", "/pin=.{4}/", r"/pin=\D\d{3}/"]
)
def test_a_number_of_characters_is_none_of_bytes_where_many_lines_match(mask):
    """Else the end of a secret would be stored."""
    masks = Masks([pattern_of_mask(mask)], FilterCounts())
    for _ in range(2):
        stored = masks.apply(Block.of("pin=é123 ok\n".encode() * 1000))
        assert bytes(stored) == b"(masked) ok\n" * 1000


def test_blocks_in_which_every_line_matches_are_masked_as_any():
    text = b"card " + CARD + b"\n"
    masks = Masks([r"\d{16}", "rd [^ ]+"], FilterCounts())
    for number in (500, 500, 1, 20_000):
        assert bytes(masks.apply(Block.of(text * number))) == b"ca(masked)\n" * number


@pytest.mark.parametrize("mask", [r"/\b\d{16}\b/", r"/\d{8,}/", "/4111[^ ]+/"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_secrets_at_the_edges_of_lines_are_masked_in_a_block_with_few(mask, number):
    """Only some lines are looked at there: also the first, the last, and one behind another."""
    for secret in (CARD, CARD + b" x", b"x " + CARD):
        many = (secret + b"\n") * number
        text = many + b"-\n" * 150_000 + many + b"-\n" * 150_000 + many
        assert masked(text, mask) == text.replace(CARD, b"(masked)")


@pytest.mark.parametrize("secret", [CARD, CARD + CARD, CARD + b" x", b"x " + CARD + CARD])
@pytest.mark.parametrize("mask", [r"\d{16}", r"\b\d{16}", "4[0-9]{15}"])
def test_secrets_at_the_edges_of_lines_are_masked_in_a_block_with_many(mask, secret):
    masks, alone = Masks([mask], FilterCounts()), Masks([mask], FilterCounts())
    stored = bytes(alone.apply(Block.of(secret + b"\n")))
    assert stored != secret + b"\n"
    for _ in range(3):
        assert bytes(masks.apply(Block.of((secret + b"\n") * 1000))) == stored * 1000
    # Where few lines are unsure RE2 searches each of them, also one right behind another.
    few, stored_few = (CARD + b"\n") * 20 + (secret + b"\n") * 2, b"(masked)\n" * 20 + stored * 2
    for _ in range(3):
        assert bytes(masks.apply(Block.of(few * 100))) == stored_few * 100


@pytest.mark.parametrize("mask", [r"\d{1,2}:{1,2}\d+", r"[0-9]{1,3}[:;]{1,2}[0-9]{2,40}"])
def test_what_begins_with_few_digits_and_ends_with_more_is_masked_in_a_block_with_many(mask):
    """The same runs of digits are looked up twice there: where matches begin, and where they end."""
    masks = Masks([mask], FilterCounts())
    for _ in range(3):
        found = bytes(masks.apply(Block.of(b"1:1234 2:5678 3:9012\n" * 1000)))
        assert found == b"(masked) (masked) (masked)\n" * 1000


def test_matches_that_touch_are_masked_in_each_piece_of_a_large_block():
    """NumPy leaves their lines to RE2, also the first line of a piece, and nothing comes twice."""
    number, counts = 10_000, FilterCounts()
    masks = Masks([r"\d{16}"], counts)
    for times in (1, 2):
        lines = Block.of((b"card " + CARD + CARD + b"\n") * number)
        assert bytes(masks.apply(lines)) == b"card (masked)(masked)\n" * number
        assert counts.masked == 2 * number * times


@pytest.mark.parametrize(("mask", "line"), [("x", b"xx"), (r"\d{2}-\d{2}", b"12-12-12-12")])
def test_short_lines_of_matches_that_touch_cost_as_little_as_re2_needs(mask, line):
    """A sender of such lines would make all others wait if each was looked for by itself."""
    block = Block.of((line + b"\n") * 20_000)
    masks = Masks([mask], FilterCounts())
    assert bytes(masks.apply(block)).count(b"(masked)") == 40_000
    assert calls(lambda: masks.apply(block)) < 5 * 40_000


@pytest.mark.parametrize("mask", ["/a(.*b)?/", "/a(?P<it>.*b)?/", "/a|x.*y/"])
def test_what_stands_behind_many_far_looking_matches_of_a_line_is_masked_whole(mask):
    """Each match may read the line up to its end, so a sender could make all others wait."""
    many = MOST_FAR_LOOKS if "?P" not in mask else 0
    long = b"a-" * (MOST_FAR_LOOKS + 1000) + b"rest"
    stored = masked(b"a one\n" + long + b"\na two\n" + b"-" * 5000 + b"\n", mask)
    first, second, third, *_ = stored.split(b"\n")
    assert second == (b"(masked)-" * many if many else b"a-" * MOST_FAR_LOOKS) + b"(masked)"
    assert (first, third) == ((b"(masked) one", b"(masked) two") if many else (b"a one", b"a two"))


def test_the_bytes_read_for_far_looking_matches_of_a_line_are_limited():
    line = b"a-" * 100 + b"-" * (1 << 20) + b"secret\n"
    stored = masked(line, "/a(.*b)?/")
    assert stored.endswith(b"-(masked)\n")
    assert b"secret" not in stored and len(stored) < 1000


def test_other_matches_of_a_line_are_not_limited():
    line = b"to=ann@example.org," * 5000 + b"rest\n"
    assert masked(line, r"/[\w.]+@[\w.]+/") == b"to=(masked)," * 5000 + b"rest\n"


@pytest.mark.parametrize(
    "escape", [r"\n", r"\t", r"\r", r"\x0a", r"\xff", r"\x1b", r"\u00e4", r"\\n"]
)
@pytest.mark.parametrize("before", [b"", b"-" * 5000 + b"\n"])
def test_an_escape_in_front_of_a_word_is_no_part_of_it(escape, before):
    r"""A line feed in a record is stored as \x0a, in JSON as \n: a number behind it stands alone."""
    line = b'{"a":"l1%b%b%b%b x","b":"%b"}\n' % (escape.encode(), CARD, escape.encode(), CARD, CARD)
    stored = masked(before + line, r"/\b\d{16}\b/")
    assert stored == before + line.replace(CARD, b"(masked)")


def test_an_expression_with_a_boundary_also_finds_an_escape():
    """Both readings of a text count; where they overlap, they are masked as one."""
    line = rb'a\x0asecret b\nsecret,"c":"d"' + b"\n"
    assert masked(line, r"/\\x0asecret|\bsecret/") == rb'a(masked) b\n(masked),"c":"d"' + b"\n"
    assert masked(rb"x\nann b" + b"\n", r"/\\nann|\bann \w\b/") == b"x(masked)\n"


@pytest.mark.parametrize("escape", [r"\x00", r"\x01", r"\x7f", r"\u0000", r"\u00e4"])
def test_digits_of_an_escape_are_none_of_a_number_behind_it(escape):
    """With them, the first sixteen would be masked, and the last ones stored."""
    line = b"a%b%b b\n" % (escape.encode(), CARD)
    for mask in (r"/\d{16}/", "/[0-9]{16}/", "/4[0-9]{15}/"):
        stored = masked(line, mask)
        assert stored.endswith(b"(masked) b\n")
        assert b"11" not in stored
