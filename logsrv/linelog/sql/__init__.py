"""SQL over a store: DuckDB computes, the reading side gives it the rows that it may need.

columns.py   the table `logs`: its columns, the types of fields, and levels as an ENUM
fault.py     an error of DuckDB as a sentence with a position
binding.py   the fields that a statement names, and a type for each that fits it, guessed from lines
plan.py      the columns that a statement needs, and its conditions as a query, by DuckDB's plan
arrow_columns.py
             rows as columns of Arrow, from lines or from the stored columns of a segment
rows.py      the table as a stream of record batches, made by all cores
answer.py    the answer to a statement, by all of these, on connections that can only compute

sql_command.py
             `logsrv sql`, which writes the answer

DuckDB and PyArrow are an extra, and take half a second to load. Only the command imports the other modules,
and only when it runs.
"""
