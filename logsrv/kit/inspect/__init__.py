"""A look inside a running service, for its operator: typed commands over a socket or SSH."""
