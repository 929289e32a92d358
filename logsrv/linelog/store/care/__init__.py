"""Maintenance of a store, with or without a running server: `logsrv doctor` and `logsrv backup`."""
