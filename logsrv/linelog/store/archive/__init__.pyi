from logsrv.linelog.store.archive.bucket import BucketArchive as BucketArchive
from logsrv.linelog.store.archive.kept import archives as archives
from logsrv.linelog.store.archive.reading import away_text as away_text
