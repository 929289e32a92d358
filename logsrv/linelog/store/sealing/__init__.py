"""Sealing: full segments are synced, compressed, indexed and removed beside the writer."""
