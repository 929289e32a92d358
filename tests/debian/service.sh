# Starts the daemon as its unit does, as far as that goes without systemd, and has three people search.
set -eu
python3 - <<'LOOPBACK'
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
LOOPBACK
useradd --groups logsrv reader
useradd stranger

command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/logsrv.service)
cd /
umask 0027
# shellcheck disable=SC2086  # words of a command
setpriv --reuid logsrv --regid logsrv --init-groups --no-new-privs --bounding-set -all,+net_bind_service \
    --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service $command >/tmp/log 2>&1 &
daemon=$!
for _ in $(seq 300); do
    grep -q 'ready' /tmp/log && break
    sleep 0.1
done
logger --server 127.0.0.1 --port 1234 --tcp --tag test 'a line to 1234'
logger --server 127.0.0.1 --tcp --port 514 --tag test 'a line to 514'
for _ in $(seq 300); do
    [ "$(grep -c 'a line to' /var/lib/logsrv/lines/current.log)" = 2 ] && break
    sleep 0.1
done
for user in reader stranger; do
    echo "$user:"
    setpriv --reuid "$user" --regid "$user" --init-groups \
        logsrv search --directory /var/lib/logsrv/lines 'a line to' 2>&1 || echo "status $?"
    # Whom files tell nothing, the page tells nothing: the token is for those who may read it.
    setpriv --reuid "$user" --regid "$user" --init-groups python3 - <<'PAGE'
import http.client
try:
    token = open("/etc/logsrv/token").read().strip()
except PermissionError:
    token = ""
page = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
page.request("GET", "/api/search", headers={"Authorization": f"Bearer {token}"} if token else {})
print("the page answers", page.getresponse().status)
PAGE
done
kill $daemon
wait $daemon || true
cat /tmp/log
