"""The line client of `logsrv connect`: where to (target, dial), the other end (peer), what is shown and
sent (display, wire), and what is said (conversation).
"""
