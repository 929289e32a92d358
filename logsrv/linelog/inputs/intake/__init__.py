"""The intake: what every input shares between its protocol and the store.

`IInput` and `Intake` are for authors of inputs.
"""

from logsrv.linelog.inputs.intake.intake import IInput as IInput
from logsrv.linelog.inputs.intake.intake import Intake as Intake
