"""The intake: the layer between the protocols of all inputs and the store.

`IInput`, `Input` and `Intake` are for authors of inputs.
"""

from logsrv.linelog.inputs.intake.connections import Input as Input
from logsrv.linelog.inputs.intake.intake import IInput as IInput
from logsrv.linelog.inputs.intake.intake import Intake as Intake
