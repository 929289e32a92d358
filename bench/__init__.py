"""The benchmark: logsrv beside a C sink that does nothing else, rsyslog and syslog-ng.

`python -m bench --help`; README.md tells how it measures.
"""
