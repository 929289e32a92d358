"""Lines of many systems, with their levels."""

_NODE = "R02-M1-N0-C:J12-U11"
_TWICE = f"1117838570 2005.06.03 {_NODE} 2005-06-03-15.42.50.363779 {_NODE} RAS"
_NINTH = "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228"
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
        ("error", "Dec 10 07:13:31 LabSZ sshd[24227]: error: Received disconnect from 103.99.0.122: 14: N"),
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
