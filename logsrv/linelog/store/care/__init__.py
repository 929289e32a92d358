"""Care of a store, with or without a server beside it: `logsrv doctor` and `logsrv backup`."""
