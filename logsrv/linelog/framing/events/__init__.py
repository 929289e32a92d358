"""Events: records of Fluentd, Beats, Graylog, journald and Python's logging."""
