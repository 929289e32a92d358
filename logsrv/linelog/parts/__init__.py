"""Parts of the line logger: what a server does with its lines beside keeping them, each found as a plugin.

part        `Part`, which declares one: names only
registry    finds all of them, ours and strangers', with their options
work        `PartWork`, the base of what does the work; `PartContext`, what the service gives it
            with the main store, and `StoreContext`, what it gives of each store of a rule
values_elsewhere  `ValuesElsewhere`: what `logsrv erase` asks of a part that keeps values of lines
endpoints   `PartEndpoint`: paths of the API that a part answers, and the web server serves
entries_file  a JSON file that readers change by such endpoints

Ours are declared in the folders `alerts`, `ship` and `http`, a stranger's in `twisted/plugins`. Nothing
here imports any of them.
"""
