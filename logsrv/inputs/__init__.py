"""PUBLIC: all that authors of inputs for the line logger need; docs/inputs.md is their guide.

| for | names |
| --- | --- |
| an input of frames | `FrameInput`; `Delimiter`, `FixedSize`, `LengthPrefix`, `Netstring`, `Varint` |
| an input that acknowledges | `Input`, `RecordReceiver`, `RecordDatagrams`, `Records`, `RecordFramer`, `Reply` |
| any other input | `IInput`, `IDatagramReceiver`, `InputFormat`, `Intake`, `LineFramer`, `escaped`, `source_of` |
| a format over HTTP | `HttpFormat`, `IHttpFormat`, `Routes`, `Route`, `BodyRules`, `Records`, `Reply` |
| its bodies | `parse_json_body`, `parse_json_object`, `parse_json_text`, `count_elements`, `json_line` |
| its refusals | `RequestRefused`, `TokenMissing`, `TokenWrong`, `malformed_body`, `nothing_found`, `busy_refusal` |
| a body of its own | `Body`, `QuestionBody`, `RequestHead`, `require_open_store` |
| wrong options | `ConfigurationError` |

Tests are in memory, with `logsrv.kit.testing`: `MemoryService(PLUGIN)`, `conformance(PLUGIN, …)`.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
__all__ = __dir__()
