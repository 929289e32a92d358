"""Inputs over HTTP: `http` and `journal`."""
