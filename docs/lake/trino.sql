-- Trino with its Hive connector; not tried.

CREATE TABLE hive.logs.lake (
    time timestamp(6), segment bigint, position bigint, source varchar, name varchar, host varchar, port integer,
    level varchar, app varchar, hostname varchar, message varchar, fields map(varchar, varchar), day date
) WITH (format = 'PARQUET', external_location = 's3://logs/lake', partitioned_by = ARRAY['day']);
CALL hive.system.sync_partition_metadata('logs', 'lake', 'ADD');
SELECT level, count(*) FROM hive.logs.lake WHERE day = date '2026-11-20' GROUP BY level;
