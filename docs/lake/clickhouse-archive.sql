-- ClickHouse: texts in the compressed segments of an archive.

SELECT count() FROM s3('https://s3.example.org/logs/archive/*/*.log.zst', 'KEY', 'SECRET', LineAsString)
WHERE line LIKE '%took%';
