"""The intake: the layer between the protocols of all formats and the store.

For authors of inputs it offers `IInput`, `Input`, `InputFormat`, `Intake`, `FrameInput`, `RecordReceiver`,
`RecordDatagrams` and `Records`, each loaded when it is first used: a plugin file is light.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
__all__ = __dir__()
