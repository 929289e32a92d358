"""The versions in a file of columns: another version of logsrv may read other fields of the same lines."""

import hashlib
import json
from random import Random

from logsrv.linelog.fields.level import FIELD_RULES, RULES
from logsrv.linelog.fields.record import Record
from tests.linelog.columns.test_extract import STAMP, fields_of_records
from tests.linelog.fields.test_loghub import SYSTEMS
from tests.linelog.questions.lines import random_lines
from tests.parts.sample_lines import KINDS


def test_fields_that_are_read_in_another_way_have_another_version():
    """If lines get other fields or levels: raise FIELD_RULES or RULES, and set the digest here.

    If only the lines of these tests have changed, set the digest.
    """
    lines = [line.stored[:-1] for line in random_lines(Random(59), 1000)]
    lines += [STAMP + one for one in KINDS]
    lines += [STAMP + message.encode() for said in SYSTEMS.values() for _, message in said]
    found = [fields_of_records(lines), [Record(line).level for line in lines]]
    text = json.dumps(found, sort_keys=True).encode()
    assert (RULES, FIELD_RULES, hashlib.sha256(text).hexdigest()[:16]) == (3, 1, "bd8b77613053304f")
