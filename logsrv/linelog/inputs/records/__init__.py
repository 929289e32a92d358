"""Inputs of records, most of them acknowledged: `relp`, `gelf`, `forward`, `lumberjack`, `python`."""
