"""Matching: a tree becomes a matcher, which finds lines in a megabyte of text at once."""
