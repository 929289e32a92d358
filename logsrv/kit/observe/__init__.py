"""Counting and logging: metrics, the log and its lines, connects and disconnects, a blocked reactor.

metrics            the catalogue, the counters, durations; prometheus writes them
process_log        the log of the process; log_lines has its formats and levels
peer_log           connects and disconnects, and why a connection failed
rate_limited_log   events and failures that come often: one line a minute
watchdog           a reactor that somebody blocks
notify             messages to the service manager
"""
