r"""The level of a line: one of eight, however the sender writes it and wherever it stands.

The eight levels and their names are in `level_names.py`, the keys of fields that hold one in
`known_keys.py`. Each form reads the level where its lines have it; this folder reads words of plain texts.

| where a level stands | one line | many lines at once |
| --- | --- | --- |
| in words of a text | `level/one.py` level_in_text | `level/many.py` levels_of_beginnings |
| directly after a time | `level/one.py` level_after_time | `level/many.py` levels_at_times |
| in the status of an access log | `forms/access/one.py` level_of_access_log | `forms/access/statuses.py` |
| in a pair | `level/one.py` level_of_fields | `forms/logfmt/levels.py` |
| in a JSON object | `level/one.py` level_of_fields | `forms/json/levels.py` |
| in a priority | `level_names.py` BY_SYSLOG | `level_numbers.py` |
| in an inherited first line | `parsed_line.py` | `level_numbers.py` levels_of_records |
| which of these counts | `parsed_line.py` ParsedLine.level, level_of | `level_numbers.py` level_numbers |
| in columns that were read already | | `level_columns.py` |

    one.py             the rules for words, and for the values of fields
    many.py            words of many texts; `first_words.py` knows the names by a hash
    leading_times.py   where many texts begin behind their times

Names of Nagios' states are read by `one.py` alone, and so are texts with bytes beyond ASCII at their
beginning.

Examples:

    2026-11-20 06:18:42,123 ERROR shop: cache is cold
        level: error
    [06:18:42] warning: cache is cold
        level: warning
    12-17 19:31:36.263  1795  1825 I Cache: cold
        level: info
    fail: Shop.Cache[0]
        level: error
    SERVICE ALERT: web1;http;CRITICAL;HARD;1;connection refused
        level: error
    an ERROR.txt in the middle of words
        (no fields)
"""
