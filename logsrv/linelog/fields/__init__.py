"""The fields of a stored line, parsed when somebody asks for one (schema-on-read); sans-IO."""
