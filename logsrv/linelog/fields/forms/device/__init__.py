r"""The headers of network devices and appliances, which put more than RFC 3164 does before the text.

Specification: none but the vendors' manuals. Cisco's messages have a name, `%FACILITY-SEVERITY-MNEMONIC`,
and before it counters, names and times in several orders; `one.py` lists the appliances.

    one.py    parse_device_header, and the parts by which `syslog/one.py` reads the headers of appliances

There is no `many.py`: such lines are few, and all are parsed one by one (`syslog/many.py`).

Examples:

    <166>Nov 20 06:18:42 fw1 : %ASA-6-302013: Built inbound connection
        facility: local4  severity: info  timestamp: Nov 20 06:18:42  hostname: fw1
        app: %ASA-6-302013  text: Built inbound connection  level: info
    <189>41: Nov 20 06:18:42.123: %SYS-5-CONFIG_I: Configured from console
        facility: local7  severity: notice  timestamp: Nov 20 06:18:42.123  app: %SYS-5-CONFIG_I
        text: Configured from console  level: notice
    Nov 20 06:18:42 sw1 config[77]: %SYS-5-CONFIG_I: Configured from console
        timestamp: Nov 20 06:18:42  hostname: sw1  app: config  pid: 77  severity: notice
        text: %SYS-5-CONFIG_I: Configured from console  level: notice
    <134>1 1795155522.123456 ap1 flows src=10.0.0.9 dst=10.0.0.1
        facility: local0  severity: info  timestamp: 1795155522.123456  hostname: ap1  app: flows
        src: 10.0.0.9  dst: 10.0.0.1  level: info
"""
