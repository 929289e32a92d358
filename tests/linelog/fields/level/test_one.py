"""The level of a line, in all its spellings."""

import pytest

from logsrv.linelog.fields.level.one import level_in_text, level_of_fields
from logsrv.linelog.fields.level_names import canonical_level
from logsrv.linelog.fields.values import Value

_SPELLINGS = {
    "debug": ["trace", "DEBUG", "Debug", "10", 20, "7", 7],
    "info": ["info", "Information", "INFORMATIONAL", 30, 6],
    "notice": ["notice", 5],
    "warning": ["warn", "WARNING", 40, "4"],
    "error": ["err", "Severe", "error", 50, 3, 50.0],
    "critical": ["crit", "FATAL", "critical", 60, 2],
    "alert": ["alert", 1],
    "emergency": ["emerg", "Panic", "emergency", 0, "0"],
}


@pytest.mark.parametrize(
    ("value", "level"), [(value, level) for level, values in _SPELLINGS.items() for value in values]
)
def test_a_level_has_names_and_numbers(value, level):
    assert level_of_fields({"level": value}.get) == level


@pytest.mark.parametrize(
    "field",
    [*("severity", "lvl", "levelname", "level_name", "loglevel", "log.level", "@level", "error_severity"),
     *("severity_text", "severityText", "detected_level", "Level", "LEVEL", "LogLevel", "Log.Level")],
)  # fmt: skip
def test_a_field_of_another_name_has_a_level(field):
    for value, level in (("warn", "warning"), (50, "error")):
        assert level_of_fields({field: value}.get, [field]) == level


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"Level": "info", "level": "error"}, "error"),
        ({"LEVEL": "info", "Level": "error"}, "info"),
        ({"level": "?", "Level": "error"}, "error"),
        ({"@t": "x"}, "info"),
        ({"@t": "x", "@l": "Fatal"}, "critical"),
        ({"@t": "x", "@l": "?"}, None),
        ({"@t": "x", "level": "Verbose"}, "debug"),
        ({"@T": "x"}, None),
        ({"t": "x", "s": "E", "c": "NETWORK"}, "error"),
        ({"t.$date": "x", "s": "D3", "c": "NETWORK"}, "debug"),
        ({"s": "E", "c": "NETWORK"}, None),
        ({"t": "x", "S": "E", "c": "NETWORK"}, None),
        ({"label": "Error"}, "error"),
        ({"label": 3}, None),
        ({"error_severity": "LOG"}, "info"),
    ],
)
def test_fields_of_known_programs_have_a_level(fields, level):
    assert level_of_fields(fields.get, fields) == level
    in_pairs = {name for name in fields if name.lower() in ("@l", "@t", "label", "s")}
    if in_pairs and not in_pairs.isdisjoint(("@l", "label", "s")):
        assert level_of_fields(fields.get, fields, in_object=False) is None


@pytest.mark.parametrize("value", ["INFO2", "", 8, 35, 70, True, "error ", -1, 2.5, "\u017fevere"])
def test_a_value_that_is_no_level_is_passed_over(value):
    assert level_of_fields({"level": value}.get) is None
    assert level_of_fields({"level": value, "lvl": "warn"}.get) == "warning"


@pytest.mark.parametrize(
    ("field", "value", "level"),
    [
        *(
            ("levelno", 10 * number, name)
            for number, name in enumerate(("debug", "info", "warning", "error", "critical"), 1)
        ),
        *(
            ("severity_number", number, name)
            for number, name in (
                (1, "debug"),
                (8, "debug"),
                (9, "info"),
                (13, "warning"),
                (20, "error"),
                (24, "critical"),
            )
        ),
        *(
            ("PRIORITY", str(number), name)
            for number, name in ((0, "emergency"), (3, "error"), (7, "debug"))
        ),
        ("levelno", 5, None),
        ("severity_number", 25, None),
        ("PRIORITY", 8, None),
        ("levelno", "error", None),
        ("priority", 3, None),
    ],
)
def test_a_numeric_field_gives_a_level(field, value, level):
    assert level_of_fields({field: value}.get) == level


def test_the_first_field_that_says_something_wins():
    cases: list[tuple[dict[str, Value], str]] = [
        ({"severity": "INFO2", "severity_number": 10}, "info"),
        ({"lvl": "debug", "level": "error", "levelno": 50}, "error"),
        ({"level": ["x", "warn"]}, "warning"),
    ]
    for fields, level in cases:
        assert level_of_fields(fields.get) == level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ERROR x", "error"),
        ("2026-11-20 06:00:00,1 WARN [main] x", "warning"),
        ("x -FATAL- y", None),
        ("[error] x", "error"),
        ("[core:error] x", "error"),
        ("[ Warn ] x", "warning"),
        ("[pid 1] [Info] ERROR", "info"),
        ("error x", None),
        ("Error x", None),
        ("ERRORS x", None),
        ("_ERROR 1ERROR éERROR ERRORé", None),
        ("[terror] x", None),
        ("[a] error [b]", None),
        ("[error x", None),
        ("DEBUGGING INFO", "info"),
        ("production.ERROR: x", "error"),
        ("last error: x", "error"),
        ("error:14094410", None),
        ("std::error::x: y", None),
        ("x.error: y", None),
        ("ERROR. x=ERROR ERROR-1", None),
        ("0 ERROR, 12 WARN", None),
        ("12345678901 ERROR", "error"),
        ("in 0x5 ERROR", "error"),
        ("Fine: thanks", None),
        ("FINE: x", "debug"),
        ("a <error> b", "error"),
        ("a<error> b", None),
        ("a <error>b", None),
        ("é" * 62 + " ERROR", "error"),
        ("x" * 63 + " ERROR", None),
        ("x" * 62 + " EMERGENCYX", None),
    ],
)
def test_a_name_at_the_beginning_of_a_text_gives_the_level(text, level):
    assert level_in_text(text) == level


def test_canonical_names_of_levels_in_queries():
    assert (canonical_level("Warn"), canonical_level("banana"), canonical_level("3")) == (
        "warning",
        None,
        None,
    )
