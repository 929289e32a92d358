"""The fields of a stored line, read from it when somebody asks (schema-on-read); sans-IO."""
