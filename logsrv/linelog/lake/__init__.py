"""A lake: sealed segments as Parquet files, in a directory or a bucket, which engines of SQL read.

lake_target.py    the target `lake+file:`, `lake+s3:` …: which segments are there
lake_segment.py   a segment to its files, one for each day, and back for a comparison
lake_file.py      the columns of a file
rewriting.py      segments in which lines were erased
"""

from logsrv.linelog.objects.url import BUCKETS, FILE
from logsrv.linelog.ship.targets.object_plugins import LAKE, BucketPlugin, DirectoryPlugin
from logsrv.linelog.ship.targets.target_plugin import Scheme

_TARGET = "logsrv.linelog.lake.lake_target:LakeTarget"
_REWRITE = "logsrv.linelog.lake.rewriting:rewrite_segments"
_FIND_ERASED = "logsrv.linelog.lake.rewriting:find_erased_lines"

lake = DirectoryPlugin(
    name="lake",
    reference=_TARGET,
    schemes={LAKE + FILE: Scheme()},
    takes="segments",
    package="pyarrow",
    install="logsrv[columns]",
    parameters=None,
    rewrite=_REWRITE,
    find_erased=_FIND_ERASED,
)
lake_bucket = BucketPlugin(
    name="lake-bucket",
    reference=_TARGET,
    schemes={LAKE + scheme: Scheme() for scheme in BUCKETS},
    takes="segments",
    package="pyarrow",
    install="logsrv[archive,columns]",
    parameters=None,
    rewrite=_REWRITE,
    find_erased=_FIND_ERASED,
)
