"""Inputs: the wire formats that the line logger accepts, one per file, thin Protocols all of them."""
