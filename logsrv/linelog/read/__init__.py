"""Reading: searches and views of a store, while the daemon goes on writing.

view, texts         the segments of a store, and their text in frames; sources, frames_ahead: text elsewhere
search              a query with its scope: plan (what is read), pool (by which processes), answers (from
                    index, columns, text or memory), task_reader and hits (the lines of a text)
figures, patterns   answers that are no lines; records: lines put together
follow, stored_lines, continuations   new lines, neighbours of a line, first lines of records
stores_follow       new lines of the main store and of those of rules, each once: watched_stores (which
                    stores there are), planned_lines (what was read ahead of one)
render              lines as text, CSV and JSON
"""
