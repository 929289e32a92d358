"""Targets that are not logsrv: lines to rsyslog, Loki, Kafka and others, at least once."""
