"""The intake: the layer between the protocols of all formats and the store.

Authors of inputs find what they need in `logsrv.inputs`.
"""
