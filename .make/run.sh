#!/bin/sh
# run.sh PORT [OPTION…]: the line logger in the foreground, and the lines as they arrive.
port=$1
shift
[ -d logs ] || mkdir -m 750 logs
# The live page is on port 8080, or on the next free one.
page=$(.venv/bin/python - <<'PYTHON'
import socket
for port in (*range(8080, 8100), 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PYTHON
)
case $page in
    8080) taken="" ;;
    *) taken=" (8080 is taken)" ;;
esac
cat <<TEXT
make run: the line logger listens on 127.0.0.1, port $port, and keeps the lines in logs/.
The live page: http://127.0.0.1:$page/$taken
Try this in another terminal; Ctrl-C here stops it:

    telnet localhost $port        (Ctrl-], then quit, leaves it)
    echo "hello, world" | nc -q1 localhost $port
    logger -n 127.0.0.1 -P $port -T "hello from logger"

Lines that arrive are shown below; they are in logs/current.log (tail -F logs/current.log).

TEXT
tail -n 0 -F logs/current.log 2>/dev/null &
tail=$!
.venv/bin/twistd -n --pidfile= logsrv --listen "tcp:$port:interface=127.0.0.1" \
    --http "tcp:$page:interface=127.0.0.1" --directory logs \
    --saved logs/saved.json --alert-saved logs/alerts.json "$@" <&0 &
server=$!
# Behind & it ignores Ctrl-C, and who ends this shell means the logger.
trap 'kill -TERM "$server" 2>/dev/null' INT TERM
# The logger ends by the signal that stopped it, and the shell would say so: "Terminated".
wait "$server" 2>/dev/null
status=$?
# A signal has ended the wait, not yet the logger.
while kill -0 "$server" 2>/dev/null; do
    wait "$server" 2>/dev/null
    status=$?
done
{ kill "$tail" && wait "$tail"; } 2>/dev/null
case $status in
    0 | 130 | 143) echo "make run: stopped. All lines are in logs/; the next make run goes on from there." ;;
    *) exit "$status" ;;
esac
