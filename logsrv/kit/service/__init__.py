"""The service of a plugin: the sites that serve a protocol class start, reload, drain and stop together."""
