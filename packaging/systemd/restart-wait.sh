#!/bin/sh
# restart-wait.sh UNIT: what logsrv.service runs before each start (ExecStartPre=) and after each end (ExecStopPost=).
#
# A start less than five minutes behind one that failed waits 2, 6, 14, then 30 s; any other does not wait. RestartSteps=
# would do for less, but systemd 252 has none, and later ones never go back to the first step. An operator who stops the
# wait ends it for the next start, too, and who restarts a service in good order never waits.

# RuntimeDirectory= of the unit, which RuntimeDirectoryPreserve=restart keeps in between.
: "${RUNTIME_DIRECTORY:?is where the wait is noted}"
cd "${RUNTIME_DIRECTORY%%:*}" || exit
case ${SERVICE_RESULT-} in
    '') ;;
    success) rm -f wait-seconds; exit ;;
    *) exit ;;
esac
seconds=$(find . -maxdepth 1 -name wait-seconds -mmin -5 -exec cat {} +)
rm -f wait-seconds
if [ "${seconds:-0}" -gt 0 ]; then
    echo "<4>$1 has just failed (journalctl -u $1 says why): it is started again in $seconds s"
    sleep "$seconds"
fi
seconds=$((seconds < 30 ? 2 * seconds + 2 : 30))
echo "$seconds" >wait-seconds
