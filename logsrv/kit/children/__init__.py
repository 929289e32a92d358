"""Processes of ours that work for a service: started, limited, watched and ended in one way.

child     a process as the service sees it: its pipes, its end, all that an owner has
resident  a process that is there as long as it is wanted: started again when it dies
inside    what such a process does first of all: limit itself
"""
