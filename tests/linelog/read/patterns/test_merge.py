"""Templates that differ only in words are one pattern; different messages stay apart."""

from __future__ import annotations

import random

from logsrv.linelog.read.patterns.line_patterns import PatternKey
from logsrv.linelog.read.patterns.merge import merge_templates

USERS = ("ann", "bob", "carl", "dora", "d<n>", "<hex>", "<n>")


def merged(*templates: str) -> list[str]:
    keys = [PatternKey("sshd", one) for one in templates]
    found = merge_templates(keys)
    assert list(found) == keys or set(found) == set(keys)
    return sorted({one.template for one in found.values()})


def test_words_that_differ_are_a_placeholder() -> None:
    assert merged(*(f"user {user} logged in" for user in USERS)) == ["user <*> logged in"]


def test_two_words_are_too_few_to_be_variable() -> None:
    assert merged("the disk is full", "the cache is full") == [
        *("the cache is full", "the disk is full"),
    ]


def test_numbers_and_ids_in_one_place_are_ids() -> None:
    assert merged("cache miss for <n>", "cache miss for <hex>") == ["cache miss for <hex>"]


def test_one_other_message_among_many_stays_apart() -> None:
    known = [f"Failed password for {user} from <ip>" for user in USERS]
    assert merged(*known, "Accepted password for ann from <ip>") == [
        "Accepted password for ann from <ip>",
        "Failed password for <*> from <ip>",
    ]


def test_different_messages_of_the_same_length_stay_apart() -> None:
    messages = ["worker started with care", "queue emptied by hand", "disk failed at last"]
    assert merged(*messages) == sorted(messages)


def test_several_places_vary_together() -> None:
    paths = [f"GET /shop/{user}/cart by {other} done" for user in USERS for other in USERS]
    assert merged(*paths) == ["GET /shop/<*>/cart by <*> done"]


def test_programs_are_not_merged() -> None:
    found = merge_templates([PatternKey(app, "hello there") for app in ("a", "b", "c", "d")])
    assert len(set(found.values())) == 4


def test_lines_of_random_words_become_few() -> None:
    r = random.Random(1)
    words = ["".join(r.choices("ghijklm", k=6)) for _ in range(5000)]
    templates = {f"{r.choice(words)} {r.choice(words)}" for _ in range(5000)}
    assert len(merged(*templates)) < 50
