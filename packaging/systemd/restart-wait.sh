#!/bin/sh
# restart-wait.sh UNIT: logsrv.service runs it before each start (ExecStartPre=) and after each end (ExecStopPost=).
#
# A start less than five minutes after one that failed waits 2, 6, 14, then 30 s; other starts do not wait.
# RestartSteps= would be simpler, but systemd 252 lacks it, and later versions never go back to the first step. If an
# operator stops the service during the wait, the next start does not wait; nor does a restart of a working service.

# The unit's RuntimeDirectory=, which RuntimeDirectoryPreserve=restart keeps between two starts.
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
