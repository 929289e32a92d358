"""The versions in a file of columns: another version of logsrv may read other fields of the same lines."""

import hashlib
import json

from logsrv.linelog.fields.level_names import FIELD_RULES, RULES
from logsrv.linelog.fields.parsed_line import ParsedLine
from tests.parts.mixed_lines import (
    BEHIND,
    HEADERS,
    LOGINS,
    OBJECTS,
    PAIRS,
    PREFIXES,
    STAMP,
    WHOLE,
    fields_of_records,
)


def test_fields_that_are_read_in_another_way_have_another_version():
    """If lines get other fields or levels: raise FIELD_RULES or RULES, and set the digest here.

    If only the lines of these tests have changed, set the digest.
    """
    contents = [*WHOLE, *OBJECTS, *PAIRS, *LOGINS, *BEHIND]
    lines = [STAMP + begin + one for begin in (b"", *HEADERS, *PREFIXES) for one in contents]
    found = [fields_of_records(lines), [ParsedLine(line).level for line in lines]]
    text = json.dumps(found, sort_keys=True).encode()
    assert (RULES, FIELD_RULES, hashlib.sha256(text).hexdigest()[:16]) == (6, 5, "61a4c75c0a63cce5")
