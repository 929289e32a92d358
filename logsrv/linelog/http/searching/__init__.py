"""The daemon's side of searches: each runs in a process of its own (`http.search_child`), in its turn.

searches            starts, counts and ends them
search_queue        whose turn is next
search_order        what the process is asked for; the types of each endpoint's parameters
asked_search        one search: its time, its pauses, its end
shared_answer       one answer for all who have asked the same
"""
