"""The line client of `logsrv connect`: where to (target, tls, dial), what is shown (display), and
who types (terminal, script).
"""
