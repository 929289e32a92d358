#!/bin/sh
# run.sh PORT [OPTION…]: the line logger in the foreground, and the lines as they arrive.
port=$1
shift
# Without a token, the page is for its user. Where the system does not tell whose a connection is, other users of
# the machine would read it too: there it has a token. On macOS they are of the same group, too.
users=$(.venv/bin/python -c 'from logsrv.kit.net.peer_user import tells_users; print(tells_users())')
case $users in
    False) mode=700 ;;
    *) mode=750 ;;
esac
[ -d logs ] || mkdir -m "$mode" logs
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
http="tcp:$page:interface=127.0.0.1"
case " $*" in *" --http-token"* | *" --http-any-user"*) users=chosen ;; esac
if [ "$users" = False ]; then
    [ -s logs/token ] || (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >logs/token)
    set -- --http-token-file logs/token "$@"
fi
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

Boards and alerts can be saved on the page; alerts write their messages to logs/messages.
Lines that arrive are shown below; they are in logs/current.log (tail -F logs/current.log).

TEXT
if [ "$users" = False ]; then
    cat <<TEXT
This system does not tell whose a connection is, so the live page asks for the token in logs/token. An address
that logs in follows once the logger listens. Another one, in another terminal:

    .venv/bin/logsrv open --http $http --http-token-file logs/token

TEXT
fi
tail -n 0 -F logs/current.log 2>/dev/null &
tail=$!
.venv/bin/twistd -n --pidfile= logsrv --listen "tcp:$port:interface=127.0.0.1" \
    --http "$http" --saved logs/saved.json --alert-saved logs/alerts.json \
    --alert-command "tee -a logs/messages" --directory logs "$@" <&0 &
server=$!
if [ "$users" = False ]; then
    # It has an address only for a server that listens.
    (
        while kill -0 "$server" 2>/dev/null && ! .venv/bin/logsrv open --http "$http" \
            --http-token-file logs/token 2>/dev/null; do
            sleep 0.2
        done
    ) &
fi
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
