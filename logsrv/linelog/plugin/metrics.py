"""The counters of the line logger, beside those that the kit keeps for every listener."""

from __future__ import annotations

from logsrv.kit.observe.metrics import Metric, listener_counter

METRICS = (
    listener_counter(
        "received_lines_total",
        "Lines taken in; one longer than --max-line counts as the lines that it becomes.",
    ),
    listener_counter(
        "records_refused_total",
        "Records that are not stored, and what a peer sent instead of one.",
        "reason",
    ),
    listener_counter(
        "records_as_text_total",
        "Records stored as text: they are not of the structure that was promised.",
    ),
    listener_counter(
        "blocks_received_total", "Blocks of other stores that are on the medium here."
    ),
    listener_counter(
        "blocks_forgotten_total", "Blocks that came again; what is in them was stored before."
    ),
    Metric("origins", "gauge", "Other stores whose blocks are stored here."),
    Metric("stored_lines_total", "counter", "Lines written to the store."),
    Metric("stored_bytes_total", "counter", "Bytes written to the store, stamps included."),
    Metric("store_lost_bytes_total", "counter", "Bytes no disk took before the service stopped."),
    Metric("store_lost_lines_total", "counter", "Lines no disk took before the service stopped."),
    Metric("pending_bytes", "gauge", "Bytes taken in and not yet written."),
    Metric("store_stalled", "gauge", "1 while the store cannot write, else 0."),
    Metric("store_errors_total", "counter", "Writes and syncs that failed."),
    Metric("store_syncs_total", "counter", "Times the active segment was synced to disk."),
    Metric("segments_sealed_total", "counter", "Segments compressed."),
    Metric("segments_removed_total", "counter", "Segments removed by retention."),
    Metric("http_requests_total", "counter", "Web requests answered.", ("status",)),
    Metric("http_searches", "gauge", "Searches that are running for web requests."),
    Metric("http_viewers", "gauge", "Live views that are open."),
    Metric("store_segments", "gauge", "Segments there are, the active one among them."),
    Metric("store_bytes", "gauge", "Bytes of all segments and their indexes on the disk."),
    Metric("store_waiting_segments", "gauge", "Segments that are to be compressed, or just are."),
    Metric("store_waiting_bytes", "gauge", "Bytes of the segments that are to be compressed."),
    Metric("bodies_waiting", "gauge", "Bodies that wait for a worker."),
    Metric("senders_paused", "gauge", "1 while senders wait for the store, else 0."),
    Metric(
        "store_trouble",
        "gauge",
        "1 while the store fails to do this: write, sync, rotate, seal, or remove; else 0.",
        ("kind",),
    ),
    Metric("write_seconds", "histogram", "Time that writing a group of lines took."),
    Metric("sync_seconds", "histogram", "Time that forcing lines to the medium took."),
    Metric("seal_seconds", "histogram", "Time that compressing a segment took."),
    Metric(
        "tap_missed_lines_total",
        "counter",
        "Lines left out of live views, added up over the views.",
    ),
    Metric("alert_lines_total", "counter", "Lines that matched an alert.", ("alert",)),
    Metric("alerts_sent_total", "counter", "Alerts that were delivered.", ("alert", "way")),
    Metric(
        "alerts_failed_total",
        "counter",
        "Times that an alert was not delivered; most are tried again.",
        ("alert", "way"),
    ),
    Metric(
        "alerts_put_off_total",
        "counter",
        "Alerts under way when the service ended, which are sent again at the next start.",
        ("alert", "way"),
    ),
    Metric(
        "alerts_missed_segments_total",
        "counter",
        "Segments that were removed before an alert had looked at all of their lines.",
        ("alert", "way"),
    ),
    Metric("ship_up", "gauge", "1 while a target takes lines, else 0.", ("target",)),
    Metric("ship_lag_bytes", "gauge", "Bytes of lines that a target does not have.", ("target",)),
    Metric(
        "ship_lag_lines",
        "gauge",
        "Lines that a target does not have; many are estimated by the first of them.",
        ("target",),
    ),
    Metric(
        "ship_lag_seconds",
        "gauge",
        "Age of the first line that a target does not have.",
        ("target",),
    ),
    Metric(
        "ship_sent_bytes_total",
        "counter",
        "Bytes of lines that a target has acknowledged, before they are compressed.",
        ("target",),
    ),
    Metric(
        "ship_sent_lines_total", "counter", "Lines that a target has acknowledged.", ("target",)
    ),
    Metric(
        "ship_acknowledged_seconds",
        "histogram",
        "Time from sending a block, or a batch of lines, to its acknowledgement.",
        ("target",),
    ),
    Metric(
        "ship_retries_total",
        "counter",
        "Times that something was not taken and is tried again.",
        ("target", "reason"),
    ),
    Metric(
        "ship_refused_lines_total",
        "counter",
        "Lines that a target will never take; they are kept in DIR/ship/NAME.refused.",
        ("target",),
    ),
    Metric(
        "ship_gap_bytes_total",
        "counter",
        "Bytes of lines that were removed from the store before they were sent; 1 if nobody knows.",
        ("target",),
    ),
    Metric(
        "ship_gap_lines_total",
        "counter",
        "Lines that were removed from the store before they were sent.",
        ("target",),
    ),
    Metric(
        "ship_resent_after_loss_total",
        "counter",
        "Times that a target had lost what it had acknowledged, and it was sent again.",
        ("target",),
    ),
)
