"""Matching: a tree to something that finds lines in a megabyte at once."""
