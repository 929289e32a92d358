"""`file:`, `s3:`, `gs:` and `az:`: sealed segments to an archive, in a directory or a bucket."""

from __future__ import annotations

from logsrv.linelog.objects.url import BUCKETS, FILE
from logsrv.linelog.ship.targets.object_plugins import BucketPlugin, DirectoryPlugin
from logsrv.linelog.ship.targets.target_plugin import Scheme

_ARCHIVE = "logsrv.linelog.archive.target:ArchiveTarget"
_REWRITE = "logsrv.linelog.archive.rewriting:rewrite_segments"
_FIND_ERASED = "logsrv.linelog.archive.rewriting:find_erased_lines"
_FIND_ERASED_AWAY = "logsrv.linelog.archive.notes_again:find_erased_segments"
_TAKE_OVER = "logsrv.linelog.archive.notes_again:take_over_segments"

directory = DirectoryPlugin(
    name="directory",
    reference=_ARCHIVE,
    schemes={FILE: Scheme()},
    takes="segments",
    parameters=None,
    rewrite=_REWRITE,
    find_erased=_FIND_ERASED,
    find_erased_away=_FIND_ERASED_AWAY,
    take_over=_TAKE_OVER,
)
bucket = BucketPlugin(
    name="bucket",
    reference=_ARCHIVE,
    schemes=dict.fromkeys(BUCKETS, Scheme()),
    takes="segments",
    package="obstore",
    install="logsrv[archive]",
    parameters=None,
    rewrite=_REWRITE,
    find_erased=_FIND_ERASED,
    find_erased_away=_FIND_ERASED_AWAY,
    take_over=_TAKE_OVER,
)
