-- Spark; not tried.

SELECT level, count(*) FROM parquet.`s3a://logs/lake` WHERE day = '2026-11-20' GROUP BY level;
