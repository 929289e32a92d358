"""Answers as lines that are safe to show: pages, links, colours, rows of a window. No I/O."""
