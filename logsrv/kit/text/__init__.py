"""Outside text made safe: escaping, file names, moments, words a person may have meant; sans-IO."""
