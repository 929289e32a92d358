"""Records of several lines."""
