"""Counting and logging: metrics, the log and its lines, connects and disconnects, a blocked reactor.

A service counts events in one object. /metrics, the operator's console, and the last log lines at a stop
show the numbers from this object. Each connect and each failure is logged as a sentence that names the peer
and the reason. An event that happens often is logged once a minute, with the number of its repetitions.

    from logsrv.kit import Metric, exposition
    from logsrv.kit.observe.metrics import Metrics

    metrics = Metrics([Metric("orders_total", "counter", "Orders taken.")], name="shop")
    metrics.count("orders_total")
    text, content_type = exposition(metrics)
    assert b"orders_total 1.0" in text

Its modules:

metrics            the catalogue, the counters, durations; _prometheus writes them
_process_log       the log of the process; _log_lines has its formats and levels
peer_log           connects and disconnects, and why a connection failed
rate_limited_log   events and failures that come often: one line a minute
_watchdog          a reactor that somebody blocks
_notify            messages to the service manager
"""
