-- ClickHouse with a Keeper: new files of the lake go into the table logs by themselves, each at least once.

CREATE TABLE lake_queue
ENGINE = S3Queue('https://s3.example.org/logs/lake/*/*.parquet', 'KEY', 'SECRET', Parquet)
SETTINGS mode = 'unordered';

CREATE MATERIALIZED VIEW lake_to_logs TO logs AS
SELECT time, segment, position, source, name, host, port, level, app, hostname, message, fields FROM lake_queue;
