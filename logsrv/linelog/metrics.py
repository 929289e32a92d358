"""The counters of the line logger, beside those that the kit keeps for every listener."""

from __future__ import annotations

from logsrv.kit.observe.metrics import Metric

METRICS = (
    Metric("stored_bytes_total", "counter", "Bytes written to the store, stamps included."),
    Metric("store_lost_bytes_total", "counter", "Bytes no disk took before the service stopped."),
    Metric("store_lost_lines_total", "counter", "Lines no disk took before the service stopped."),
    Metric("pending_bytes", "gauge", "Bytes taken in and not yet written."),
    Metric("store_stalled", "gauge", "1 while the store cannot write, else 0."),
    Metric("store_errors_total", "counter", "Writes and syncs that failed."),
    Metric("store_syncs_total", "counter", "Times the active segment was synced to disk."),
    Metric("segments_sealed_total", "counter", "Segments compressed."),
    Metric("segments_removed_total", "counter", "Segments removed by retention."),
)
