from logsrv.linelog.read.counting.arrays import timed_by_arrays as timed_by_arrays
from logsrv.linelog.read.counting.values import counter as counter
