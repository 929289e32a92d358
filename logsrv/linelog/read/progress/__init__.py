"""Answers that tell how far they are while they are made.

progress     the bytes that are read, and when it is told
task_order   the order of a search's tasks, and the bytes of each: of the store, or newest first

Searches of the API that ask for it have a `Progress` in their view; all others load none of this. What is
found so far is made by `figures/newest_first.py`.
"""
