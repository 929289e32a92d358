from tempfile import TemporaryFile as TemporaryFile

from logsrv.linelog.read.far.ahead import FramesAhead as FramesAhead
