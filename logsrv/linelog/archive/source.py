"""The archive as a source of segments: in a directory, or in a bucket."""

from __future__ import annotations

from logsrv.linelog.objects.url import BUCKETS, FILE
from logsrv.linelog.read.sources import SegmentSource

archive = SegmentSource(
    name="archive",
    schemes=(FILE, *BUCKETS),
    example="file:///srv/archive or s3://bucket/archive",
    texts="logsrv.linelog.archive.reading:texts_at",
    stores="logsrv.linelog.archive.stores:stores_of_archive",
    view="logsrv.linelog.archive.view:ArchiveView",
    restore="logsrv.linelog.archive.restore:restore",
    variables="logsrv.linelog.objects.url:environment_variables",
    # obstore aborts the process if an answer needs more memory than there is.
    watched=tuple(BUCKETS),
)
