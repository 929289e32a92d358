"""Blocks of other stores over HTTP: what a centre takes in."""
