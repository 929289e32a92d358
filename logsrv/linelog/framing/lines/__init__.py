"""Lines: bytes cut at LF or counted, cleaned, bounded, with the time they name."""
