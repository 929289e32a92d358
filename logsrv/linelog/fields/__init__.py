"""The fields of a stored line, parsed when the first one is needed (schema-on-read); sans-IO."""
