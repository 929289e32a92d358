"""The stages of a query, a module for each: its words, its work, and what people read of it.

`STAGE` in each module says what the stage is (`query/stage.py`); no list names the modules. An answer is of
a kind of `read/answer_kinds.py`: terminal, API and page know the kinds. What counts and sorts stays in
`read`, without a word of the grammar, and is imported when an answer is asked for; only the random numbers
by which `sample` sorts are its own.

A new figure beside `count` and `avg`, such as a median, is no stage: its words are in figures.py.
"""
