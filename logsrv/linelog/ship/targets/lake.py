"""`lake+file:`, `lake+s3:`, `lake+gs:` and `lake+az:`: sealed segments as Parquet files."""

from __future__ import annotations

from logsrv.linelog.objects.url import BUCKETS, FILE
from logsrv.linelog.ship.object_plugins import LAKE, BucketPlugin, DirectoryPlugin
from logsrv.linelog.ship.target_plugin import Scheme

_LAKE = "logsrv.linelog.ship.targets.lake_target:LakeTarget"

lake = DirectoryPlugin(
    name="lake",
    place=_LAKE,
    schemes={LAKE + FILE: Scheme()},
    takes="segments",
    package="pyarrow",
    install="logsrv[columns]",
    parameters=None,
)
lake_bucket = BucketPlugin(
    name="lake-bucket",
    place=_LAKE,
    schemes={LAKE + scheme: Scheme() for scheme in BUCKETS},
    takes="segments",
    package="pyarrow",
    install="logsrv[archive,columns]",
    parameters=None,
)
