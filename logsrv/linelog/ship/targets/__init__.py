"""Targets: where lines can be sent. A format's folder has its own; here is what they are made of.

`target` is the contract, `target_plugin` how a target is found by the scheme of its address. A target over
TCP takes `server_connection`; over HTTP `http_client`, `posting_target` and `http_plugin`; in a store of
objects `object_target` and `object_plugins`.
"""
