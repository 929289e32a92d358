"""From a protocol class to a running service: sites that start, reload, drain and stop together."""
