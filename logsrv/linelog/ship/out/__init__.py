"""Targets other than logsrv: JetStream, archives, and receivers of lines, such as rsyslog and Kafka."""
