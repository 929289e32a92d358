-- ClickHouse: figures from the files, then a table of them with an index of words.

SELECT app, count(), avg(toFloat64OrNull(fields['ms'])) AS ms
FROM s3('https://s3.example.org/logs/lake/*/*.parquet', 'KEY', 'SECRET', Parquet)
WHERE day >= '2026-11-20' AND level = 'warning' GROUP BY app ORDER BY ms DESC;

CREATE TABLE logs ENGINE = MergeTree
PARTITION BY toDate(assumeNotNull(time)) ORDER BY (assumeNotNull(time), segment, position)
AS SELECT * EXCEPT day REPLACE (
    toLowCardinality(source) AS source, toLowCardinality(name) AS name, toLowCardinality(host) AS host,
    toLowCardinality(level) AS level, toLowCardinality(app) AS app, toLowCardinality(hostname) AS hostname)
FROM s3('https://s3.example.org/logs/lake/*/*.parquet', 'KEY', 'SECRET', Parquet);

ALTER TABLE logs ADD INDEX words message TYPE text(tokenizer = splitByNonAlpha);

ALTER TABLE logs MATERIALIZE INDEX words SETTINGS mutations_sync = 1;

SELECT time, message FROM logs WHERE hasAllTokens(message, ['took', 'info']) ORDER BY time DESC LIMIT 10;
