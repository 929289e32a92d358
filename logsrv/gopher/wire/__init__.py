"""Gopher as bytes and text: URLs, menus, Gopher+, character sets, responses. Sans-IO."""
