"""Services: a protocol class becomes sites that start, reload, drain and stop together."""
