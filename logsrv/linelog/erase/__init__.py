"""`logsrv erase`: overwrites the lines of persons in a store, and lists the copies that are elsewhere.

erase_command.py  the command: its options, the question, the exit status
erase_run.py      one erase: found, carried out, told
lines_to_erase.py the lines that a query finds, and those of their records, as a plan
values_elsewhere.py  what parts keep of the lines, such as groups of alerts: their code, named by the part
refused_lines.py  lines that a target has refused, in files of the folder `ship`
away_lines.py     lines of segments that only archives have, erased there
everywhere.py     archives and lakes rewritten
copies.py         where else lines of a store are, and what to do there

`store/sealing/erase_lines.py` carries out a plan; a start of the server and `logsrv doctor` do that, too.
"""
