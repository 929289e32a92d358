"""The form syslog."""
