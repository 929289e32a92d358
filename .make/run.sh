#!/bin/sh
# run.sh PORT [OPTION…]: the line logger in the foreground, and the lines as they arrive.
port=$1
shift
exec .venv/bin/logsrv serve --called 'make run' --port "$port" "$@"
