"""The benchmark: logsrv compared with a minimal C sink, rsyslog and syslog-ng.

Usage: `python -m bench --help`. README.md says how it measures.
"""
