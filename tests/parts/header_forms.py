"""Headers of devices and of relays, each line with the fields that it has, between bars."""

DEVICES = """
<190>3132811: sw01: 3132807: Jul 11 2026 19:30:44.575 UTC: %SEC-6-IPACCESSLOGP: x|\
sw01|%SEC-6-IPACCESSLOGP|-|Jul 11 2026 19:30:44.575 UTC|info
3132811: sw01: 3132807: Jul 11 2026 19:30:44.575 UTC: %SEC-3-IPACCESSLOGP: x|\
sw01|%SEC-3-IPACCESSLOGP|-|Jul 11 2026 19:30:44.575 UTC|error
<189>29: *Mar  1 00:00:46.123: %SYS-5-CONFIG_I: x|-|%SYS-5-CONFIG_I|-|Mar  1 00:00:46.123|notice
<189>29: .Mar  1 00:00:46.123 CEST: %SYS-5-CONFIG_I: x|-|%SYS-5-CONFIG_I|-|Mar  1 00:00:46.123 CEST|notice
<189>30: 00:20:10: %LINK-3-UPDOWN: x|-|%LINK-3-UPDOWN|-|00:20:10|notice
30: 1y2w: %LINK-3-UPDOWN: x|-|%LINK-3-UPDOWN|-|1y2w|error
<189>: 2026 Jul 11 19:30:44 UTC: %ETHPORT-5-IF_UP: x|-|%ETHPORT-5-IF_UP|-|2026 Jul 11 19:30:44 UTC|notice
2026 Jul 11 19:30:44.123 n9k1 %$ VDC-1 %$ %ETHPORT-5-IF_DOWN: x|\
n9k1|%ETHPORT-5-IF_DOWN|-|2026 Jul 11 19:30:44.123|notice
<166>%ASA-6-302013: x|-|%ASA-6-302013|-|-|info
<166>:Jul 11 19:30:44 UTC: %ASA-session-6-302013: x|-|%ASA-session-6-302013|-|Jul 11 19:30:44 UTC|info
Jul 11 2026 19:30:44 edge1 : %ASA-4-106023: x|edge1|%ASA-4-106023|-|Jul 11 2026 19:30:44|warning
edge1 : %FTD-4-106023: x|edge1|%FTD-4-106023|-|-|warning
<165>2026-07-11T19:30:44Z edge1 : %FTD-5-430003: x|edge1|%FTD-5-430003|-|2026-07-11T19:30:44Z|notice
Jul 11 19:30:45 10.0.0.1 29: *Mar  1 00:00:46.123: %SYS-5-CONFIG_I: x|\
10.0.0.1|%SYS-5-CONFIG_I|-|Mar  1 00:00:46.123|notice
<134>wlc1: *spamApTask7: Jul 11 19:30:44.575: %CAPWAP-3-ECHO_ERR: x|\
wlc1|%CAPWAP-3-ECHO_ERR|-|Jul 11 19:30:44.575|info
"""

WORDS = """
<13>Jul 11 10:00:00 MSK web1 sshd[12]: x|web1|sshd|12|Jul 11 10:00:00 MSK|notice
<13>Jul 11 10:00:00 +01:00 sshd[1]: x|-|sshd|1|Jul 11 10:00:00 +01:00|notice
<13>Jul 11 06:18:42 2026 wlc1 stm[3456]: x|wlc1|stm|3456|Jul 11 06:18:42 2026|notice
Jul 11 06:18:42 2026 wlc1 stm[3456]: x|wlc1|stm|3456|Jul 11 06:18:42 2026|-
<13>Jul 11 10:00:00 daemon.info dnsmasq[7]: x|-|dnsmasq|7|Jul 11 10:00:00|notice
Fri Jul 11 10:00:00 2026 daemon.warn dnsmasq[7]: x|-|dnsmasq|7|Fri Jul 11 10:00:00 2026|warning
Jul 11 10:00:00 ap1 daemon.err dnsmasq[7]: x|ap1|dnsmasq|7|Jul 11 10:00:00|error
<13>Jul 11 10:00:00 Message forwarded from db7: sshd[1234]: x|db7|sshd|1234|Jul 11 10:00:00|notice
<13>Jul 11 10:00:00 From db7: sshd[1234]: x|db7|sshd|1234|Jul 11 10:00:00|notice
Jul 11 10:00:00 relay1 Message forwarded from db7: sshd[1234]: x|db7|sshd|1234|Jul 11 10:00:00|-
<132>Jul 11 10:00:00 lb1 warning tmm[11048]: x|lb1|tmm|11048|Jul 11 10:00:00|warning
Jul 11 10:00:00 lb1 warning tmm[11048]: x|lb1|tmm|11048|Jul 11 10:00:00|warning
<132>Jul 11 10:00:00 warning tmm[11048]: x|-|tmm|11048|Jul 11 10:00:00|warning
<13>Jul 11 10:00:00 web1 389-ds[7]: x|web1|389-ds|7|Jul 11 10:00:00|notice
Jul 11 10:00:00 web1 389-ds[7]: x|web1|389-ds|7|Jul 11 10:00:00|-
<13>Jul 11 10:00:00 web1 %HA: x|web1|%HA|-|Jul 11 10:00:00|notice
Jul 11 10:00:00 <auth.info> bsd1 sshd[7]: x|bsd1|sshd|7|Jul 11 10:00:00|info
<13>Jul 11 10:00:00 mail.example.com sshd[7]: x|mail.example.com|sshd|7|Jul 11 10:00:00|notice
Jul 11 10:00:00 user.example.org sshd[7]: x|user.example.org|sshd|7|Jul 11 10:00:00|-
2026-07-11T10:00:00+02:00 lb1 warning tmm[11048]: x|lb1|tmm|11048|2026-07-11T10:00:00+02:00|warning
2026-07-11T10:00:00.123Z ap1 daemon.err dnsmasq[7]: x|ap1|dnsmasq|7|2026-07-11T10:00:00.123Z|error
<28>Jul 11 10:00:00 mx1 rpd[1234]: x|mx1|rpd|1234|Jul 11 10:00:00|warning
"""
