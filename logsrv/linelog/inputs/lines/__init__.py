"""Inputs of lines: `lines` and `syslog`."""
