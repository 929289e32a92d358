"""Templates that differ only in words are one pattern; different messages stay apart."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.patterns.line_patterns import PatternKey
from logsrv.linelog.read.patterns.merge import merge_templates
from tests.parts.examples import more

LEVEL_NAMES = ("ERROR", "warn", "Info", "fatal")
CLASSES = (
    *(
        "LedgerMismatchException",
        "NullPointerException",
        "ValueError",
        "java.lang.Error",
        "com.acme.Boom",
    ),
    *(
        "ThreadDeath",
        "OrderService",
        "Outer$Inner",
        r"Acme\Boom",
        "java.lang.Throwable",
        "IOException",
    ),
    *(
        "requests.exceptions.ConnectionError",
        "Http<n>Exception",
        "DeprecationWarning",
        "c.e.shop.Stock",
    ),
)
FIRST_WORDS = ("done", "failed", "started", "GET", "ann", "über", "cache_miss", "a-b")
IDS = ("a1b", "<hex>", "<uuid>", "<ip>", "<n>", "<*>", "req-7f", "bob@example.com")
USERS = ("ann", "bob", "carl", "dora", "d<n>", "<hex>", "<n>")


def merged(*templates: str) -> list[str]:
    keys = [PatternKey("sshd", one) for one in templates]
    found = merge_templates(keys)
    assert list(found) == keys or set(found) == set(keys)
    return sorted({one.template for one in found.values()})


def test_words_that_differ_are_a_placeholder():
    assert merged(*(f"user {user} logged in" for user in USERS)) == ["user <*> logged in"]


def test_two_words_are_too_few_to_be_variable():
    assert merged("the disk is full", "the cache is full") == [
        *("the cache is full", "the disk is full"),
    ]


def test_numbers_and_ids_in_one_column_are_ids():
    assert merged("cache miss for <n>", "cache miss for <hex>") == ["cache miss for <hex>"]


def test_one_other_message_among_many_stays_apart():
    known = [f"Failed password for {user} from <ip>" for user in USERS]
    assert merged(*known, "Accepted password for ann from <ip>") == [
        "Accepted password for ann from <ip>",
        "Failed password for <*> from <ip>",
    ]


def test_different_messages_of_the_same_length_stay_apart():
    messages = ["worker started with care", "queue emptied by hand", "disk failed at last"]
    assert merged(*messages) == sorted(messages)


def test_several_columns_vary_together():
    paths = [f"GET /shop/{user}/cart by {other} done" for user in USERS for other in USERS]
    assert merged(*paths) == ["GET /shop/<*>/cart by <*> done"]


def test_programs_are_not_merged():
    found = merge_templates([PatternKey(app, "hello there") for app in ("a", "b", "c", "d")])
    assert len(set(found.values())) == 4


def test_lines_of_random_words_become_few():
    r = random.Random(1)
    words = ["".join(r.choices("ghijklm", k=6)) for _ in range(5000)]
    templates = {f"sold {r.choice(words)} {r.choice(words)}" for _ in range(5000)}
    assert len(merged(*templates)) < 50


@pytest.mark.parametrize(
    "text", ["{}: no such row", "Caused by: {}: x", "<time> ERROR {} in <n> ms", "user {} x"]
)
def test_classes_and_levels_are_never_a_placeholder(text):
    """Neither among many other words, nor among many of them."""
    others = [text.format(f"w{number}xyz") for number in range(30)]
    for names in (CLASSES, LEVEL_NAMES):
        named = [text.format(name) for name in names]
        found = merged(*named, *others)
        assert set(named) <= set(found)
        assert len(found) == len(named) + 1


@pytest.mark.parametrize(
    "before", ["", "<time> ", "[<time>] ", "<time> ERROR ", "ERROR: ", "<time> [INFO] "]
)
@pytest.mark.parametrize("after", ["", " <n> ms", " of <n> items by ann"])
def test_the_first_word_is_a_placeholder_only_if_it_is_an_id(before, after):
    plain = [f"{before}{word}{after}" for word in FIRST_WORDS]
    assert merged(*plain) == sorted(plain)
    ids = [f"{before}{word} sold it to us" for word in IDS]
    assert merged(*ids) == [f"{before}<*> sold it to us"]


def test_patterns_of_different_levels_are_not_merged():
    levels = ("info", "error", "", "warning")
    keys = [PatternKey("shop", f"job {user} ended", level) for user in USERS for level in levels]
    found = merge_templates(keys)
    assert set(found.values()) == {PatternKey("shop", "job <*> ended", level) for level in levels}
    assert all(key.level == pattern.level for key, pattern in found.items())


WORDS = st.sampled_from(
    [*CLASSES[:3], *LEVEL_NAMES, *FIRST_WORDS[:4], *IDS[:4], "<time>", "in", "user", "-", ""]
)


@more(4)
@given(
    st.lists(
        st.builds(
            lambda words, level: PatternKey("", " ".join(words), level),
            st.lists(WORDS, min_size=1, max_size=4),
            st.sampled_from(["", "info", "error"]),
        ),
        max_size=60,
    )
)
def test_placeholders_levels_and_first_words_stay_in_a_merged_pattern(keys):
    for key, pattern in merge_templates(list(dict.fromkeys(keys))).items():
        assert key.level == pattern.level
        before, after = key.template.split(), pattern.template.split()
        assert len(before) == len(after)
        rest = [index for index, word in enumerate(before) if word not in ("<time>", *LEVEL_NAMES)]
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old in CLASSES or old in LEVEL_NAMES or (rest[:1] == [index] and old in FIRST_WORDS):
                assert new == old
