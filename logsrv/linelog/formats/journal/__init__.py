"""The journal of systemd: uploads of systemd-journal-upload, and datagrams of its native protocol.

Specification: https://systemd.io/JOURNAL_EXPORT_FORMATS. An upload is answered with 202 when it is safe.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP

journal = InputFormat(
    "journal",
    "logsrv.linelog.formats.journal.input:Journal",
    "systemd-journal-upload",
    options=OVER_HTTP,
)
