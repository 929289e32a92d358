from logsrv.linelog.intake.connections import Input as Input
from logsrv.linelog.intake.frames import FrameInput as FrameInput
from logsrv.linelog.intake.intake import Intake as Intake
from logsrv.linelog.intake.interfaces import IInput as IInput
from logsrv.linelog.intake.interfaces import InputFormat as InputFormat
from logsrv.linelog.intake.record_datagrams import RecordDatagrams as RecordDatagrams
from logsrv.linelog.intake.records import RecordReceiver as RecordReceiver
from logsrv.linelog.lines.bodies import Records as Records
