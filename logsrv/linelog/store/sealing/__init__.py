"""Sealing: full segments are compressed, indexed and later removed, while the writer goes on."""
