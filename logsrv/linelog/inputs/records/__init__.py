"""Inputs of lines and records; `RecordReceiver`, `RecordDatagrams` and `Records` are for authors."""

from logsrv.linelog.framing.bodies.bodies import Records as Records
from logsrv.linelog.inputs.records.record_datagrams import RecordDatagrams as RecordDatagrams
from logsrv.linelog.inputs.records.records import RecordReceiver as RecordReceiver
