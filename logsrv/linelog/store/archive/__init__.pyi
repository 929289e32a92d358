from logsrv.linelog.store.archive.reading import away_text as away_text
