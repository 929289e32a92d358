"""Addresses that a user keeps: bookmarks, and menus to follow with what is new in them."""
