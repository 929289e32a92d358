"""Searches and boards that readers save for each other, in a JSON file.

saved_searches      the list, and each change of it
board_file          a board with its searches as a file: exported by one reader, imported by another
"""
