"""Lines as sixteen systems write them: each has the level that it says, in each way to find it."""

import pytest

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.record import Record, level_of
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.parse import parse

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
_NODE = "R02-M1-N0-C:J12-U11"
_TWICE = f"1117838570 2005.06.03 {_NODE} 2005-06-03-15.42.50.363779 {_NODE} RAS"
_NINTH = "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228"
_HAPROXY = (
    "10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - SC-- 1/1/1/1/0"
    ' 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)
SYSTEMS: dict[str, list[tuple[str | None, str]]] = {
    "Android": [
        ("debug", "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezingDisplayLogsopening app"),
        ("debug", "03-17 16:13:38.819  1702  8671 V ActivityManager: ERROR is no level here"),
        ("info", "12-17 19:31:36.263  1795  1825 I PowerManagerService: Going to sleep due to screen"),
        ("warning", "03-17 16:13:46.764 11702 12671 W ActivityManager: getRunningAppProcesses: caller 101"),
        ("error", "03-17 16:13:47.518  1702  1820 E KeyguardUpdateMonitor: Object tried to add"),
        ("critical", "03-17 16:13:47.518  1702  1820 F libc    : Fatal signal 11"),
        ("info", "03-17 16:13:47.518 I/ActivityManager( 1702): Start proc"),
        (None, "03-17 16:13:47.518  1702  1820 X libc    : no such letter"),
    ],
    "Apache": [
        ("notice", "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.prop"),
        ("error", "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6"),
    ],
    "BGL": [
        ("info", f"- {_TWICE} KERNEL INFO instruction cache parity error corrected"),
        ("critical", f"KERNDTLB {_TWICE} KERNEL FATAL data TLB error interrupt"),
        ("error", f"- {_TWICE} MMCS SEVERE ciodb exited abnormally"),
        ("warning", f"- {_TWICE} DISCOVERY WARNING node card is not fully functional"),
        (None, f"- {_TWICE} KERNEL FAILURE no error here is one of ours"),
    ],
    "HDFS": [
        ("info", "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38"),
        ("warning", "081109 214043 2561 WARN dfs.DataNode$DataXceiver: 10.251.30.85:50010:Got exception"),
    ],
    "HPC": [
        (None, "134681 node-246 unix.hw state_change.unavailable 1077804742 1 Component State Change"),
        (None, "2581 gige7 gige action error 1077804742 1 risBoot (command 1903) Error: failed"),
    ],
    "Hadoop": [
        ("info", "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Cre"),
        ("error", "2015-10-18 18:06:26,664 ERROR [RMCommunicator Allocator] org.apache.hadoop: ERROR IN C"),
        ("critical", "2015-10-18 18:06:26,664 FATAL [main] org.apache.hadoop.mapred.YarnChild: Error"),
    ],
    "HealthApp": [
        (None, "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579"),
        (None, "20171223-22:15:29:959|Step_ExtSDM|30002312|calculateAltitudeWithCache totalAltitude=0"),
    ],
    "Linux": [
        (None, "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0 euid="),
        (None, "Jun 15 04:06:18 combo su(pam_unix)[21416]: session opened for user cyrus by (uid=0)"),
        (None, "Jul 27 14:41:57 combo kernel: Warning lights are no level"),
    ],
    "Mac": [
        (None, "Jul  1 09:00:55 calvisitor-10-105-160-95 kernel[0]: IOThunderboltSwitch<0>(0x0)::listener"),
        (None, "Jul  1 09:01:05 calvisitor-10-105-160-95 com.apple.CDScheduler[43]: Thermal pressure stat"),
        (None, "Jul  1 09:01:06 calvisitor-10-105-160-95 Microsoft Word[14463]: error in a sentence"),
    ],
    "OpenSSH": [
        (None, "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186"),
        (None, "Dec 10 07:13:31 LabSZ sshd[24227]: error: Received disconnect from 103.99.0.122: 14: No m"),
    ],
    "OpenStack": [
        ("info", "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi_comput"),
        ("warning", "nova-compute.log.1.2017-05-16_13:55:31 2017-05-16 00:00:04.500 2931 WARNING nova.vir"),
        ("error", "2017-05-16 00:00:00.008 25746 ERROR nova.osapi_compute.wsgi.server [req-38]"),
    ],
    "Proxifier": [
        (None, "[10.30 16:49:06] chrome.exe - proxy.cse.cuhk.edu.hk:5070 open through proxy"),
        (None, "[10.30 16:49:07] chrome.exe - proxy.cse.cuhk.edu.hk:5070 error : Could not connect"),
    ],
    "Spark": [
        ("info", "17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Registered signal handler"),
        ("warning", "17/06/09 20:10:58 WARN spark.SparkContext: Support for Java 7 is deprecated"),
    ],
    "Thunderbird": [
        (None, f"{_NINTH} crond(pam_unix)[2915]: session closed for user root"),
        (None, f"{_NINTH} ntpd[2467]: synchronized to 10.100.20.250, stratum 3"),
    ],
    "Windows": [
        ("info", "2016-09-28 04:30:30, Info                  CBS    Loaded Servicing Stack v6.1.7601.2350"),
        ("error", "2016-09-29 02:04:30, Error                 CSI    00000001 (F) STATUS_OBJECT_NAME_NOT_"),
        ("warning", "2016-09-29 02:04:30, Warning               CBS    Unrecognized packageExtended attri"),
    ],
    "Zookeeper": [
        ("info", "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElec"),
        ("warning", "2015-07-29 19:04:12,394 - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker"),
    ],
}  # fmt: skip
OTHERS: dict[str, list[tuple[str | None, str]]] = {
    "klog": [
        ("info", "I1123 10:00:00.000000       1 main.go:5] ERROR is no level here"),
        ("warning", "W1123 10:00:00.000000   12345 reflector.go:424] x"),
        ("error", "E1123 10:00:00.000000       1 main.go:5] x"),
        ("critical", "F1123 10:00:00.000000       1 main.go:5] x"),
        (None, "X1123 10:00:00.000000       1 main.go:5] x"),
    ],
    "PostgreSQL": [
        ("info", "2026-11-20 06:00:00.123 UTC [1234] LOG:  duration: 12.345 ms  statement: SELECT ERROR"),
        ("info", "2026-11-20 06:00:00.123 UTC [1234] app@shop LOG:  checkpoint starting: time"),
        ("error", "2026-11-20 06:00:00.123 UTC [1234] app@shop ERROR:  relation does not exist"),
        (None, "2026-11-20 06:00:00.123 UTC [1234] app@shop STATEMENT:  SELECT ERROR"),
        ("debug", "2026-11-20 06:00:00.123 UTC [1234] DEBUG1:  autovacuum: ERROR"),
        ("emergency", "2026-11-20 06:00:00.123 UTC [1234] PANIC:  could not write"),
        (None, "2026-11-20 06:00:00 CHANGE LOG: of 2.0"),
    ],
    "logrus and log15": [
        ("error", "ERRO[0000] failed                                        user=bob"),
        ("debug", "DEBU[0012] x"),
        ("critical", "FATA[0012] x"),
        ("emergency", "PANI[0012] x"),
        ("debug", "TRAC[0012] x"),
        ("error", "time=2026-07-11T10:00:00Z level=ERRO msg=x"),
        ("error", "EROR[07-11|10:00:00.123] x                err=timeout n=1"),
        ("debug", "DBUG[07-11|10:00:00.123] x"),
        ("error", "t=2026-07-11T10:00:00Z lvl=eror msg=x"),
        ("error", "<3>ERRO x"),
        (None, "a Morgana-INF ERRO2 was x=INF file.INF INF-1"),
        (None, "x" * 64 + " ERRO"),
        (None, "an erro in a sentence"),
    ],
    "zerolog and Serilog": [
        ("warning", "10:00AM WRN failed user=bob took=5"),
        ("info", "10:00AM INF ready"),
        ("debug", "2026-07-11T10:00:00Z DBG x"),
        ("critical", "2026-07-11T10:00:00+02:00 FTL x"),
        ("debug", "10:00AM TRC x"),
        ("emergency", "10:00AM PNC x"),
        ("info", "[10:00:00 INF] Started"),
        ("critical", "[10:00:00 FTL] x"),
        ("debug", "[10:00:00 VRB] x"),
        ("warning", "2026-07-11 10:00:00.123 +02:00 [WRN] x"),
        ("warning", "Nov 20 06:18:42 web shop[7]: WRN|x"),
        ("warning", '{"level":"WRN","message":"x"}'),
        ("info", "x [inf:err] y"),
        ("warning", "2026-07-11T10:00:00Z WRN db: x"),
        (None, "Nov 20 06:18:42 pnc inf[7]: x"),
        (None, "a=-INF b, INFX (INF, x)"),
    ],
    ".NET": [
        ("error", "fail: Microsoft.AspNetCore.Server.Kestrel[13]"),
        ("critical", "crit: Shop.Program[0] x"),
        ("warning", "warn: Shop.Program[0]"),
        ("info", "info: Microsoft.Hosting.Lifetime[14]"),
        ("debug", "dbug: Shop.Program[0]"),
        ("debug", "trce: Shop.Program[0]"),
        ("error", "2026-07-11 10:00:00 fail: Shop.Program[0] x"),
        ("error", "[10:00:00] fail: Shop.Program[0] WARN"),
        ("error", "Nov 20 06:18:42 web shop[7]: fail: Shop.Program[0]"),
        ("info", "info:"),
        (None, "Shop fail: x"),
        (None, "failed: x"),
        (None, "Fail: x"),
        (None, "fail:x"),
    ],
    "glog": [
        ("error", "E0711 10:00:00.123456 1234 file.cc:12] x"),
        ("error", "E20260711 10:00:00.123456 1234 file.cc:12] x"),
        ("warning", "W0711 10:00:00.1 1 x"),
        ("critical", "F20260711 10:00:00.123 1 x"),
        ("info", "I0711 10:00:00.123456789 1 ERROR x"),
        (None, "E0711 10:00:00 x"),
        (None, "E07111 10:00:00.1 x"),
        (None, "E0711 10:00:00.1234567890 x"),
        (None, "X20260711 10:00:00.1 x"),
        (None, "E0711 10:00:00. x"),
    ],
    "a word at the time": [
        ("info", "2026-11-20T06:00:00Z info started"),
        ("warning", "[2026/11/20 06:00:00.123] Warning: disk"),
        ("error", "2026-11-20 06:00:00 - error - x"),
        ("error", "2026.11.20 06:00:00+01:00 err"),
        ("alert", "2026-11-20 06:00:00 alert: x"),
        (None, "2026/11/20 06:00:00 alert sent to bob"),
        (None, "2026/11/20 06:00:00 Emergency stop pressed"),
        (None, "2026/11/20 06:00:00 5 error rates"),
        (None, "2026/11/20 06:00:00 errors were seen"),
        (None, "2026/11/20 06:00:00 error.log was rotated"),
        (None, "2026/11/20 06:00:00 no error was seen"),
    ],
    "access logs": [
        ("error", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /DEBUG HTTP/1.1" 503 12 "-" "curl"'),
        ("warning", '::1 - bob [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 404 -'),
        (None, '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /ERROR HTTP/1.1" 200 503'),
        (None, '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 302 5 "ERROR" "[error]"'),
        ("error", '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /\\"x HTTP/1.1" 500 5'),
        ("error", 'Nov 20 06:18:42 web nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("info", '<190>Nov 20 06:18:42 web nginx: 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /" 500 5'),
        ("error", 'www:80 10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 12'),
        ("error", f"Nov 20 06:18:42 lb haproxy[1]: {_HAPROXY}"),
    ],
}  # fmt: skip
ALL = {**SYSTEMS, **OTHERS}


@pytest.mark.parametrize("system", ALL)
def test_lines_of_sixteen_systems_have_their_levels_in_every_way(system):
    expected = {message: level for level, message in ALL[system]}
    lines = [STAMP + message.encode() for message in expected]
    text = b"".join(line + b"\n" for line in lines)
    found = {
        "record": [Record(line).level for line in lines],
        "line": [level_of(line) for line in lines],
        "numbers": [OF_NUMBERS[number] for number in level_numbers(text).tolist()],
        "one by one": [OF_NUMBERS[int(level_numbers(line + b"\n")[0])] for line in lines],
    }
    for way, levels in found.items():
        assert dict(zip(expected, levels, strict=True)) == expected, way


@pytest.mark.parametrize("system", ALL)
def test_a_search_for_a_level_finds_these_lines(system):
    messages = [STAMP + message.encode() + b"\n" for _, message in ALL[system]]
    levels = [level for level, _ in ALL[system]]
    for wanted in {level for level in levels if level}:
        found = [text for text in messages if list(Matcher(parse(f"level={wanted}")).find(text))]
        expected = [text for text, level in zip(messages, levels, strict=True) if level == wanted]
        assert found == expected, wanted


def test_there_are_sixteen_systems():
    assert len(SYSTEMS) == 16
