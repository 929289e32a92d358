"""PUBLIC: all that authors of inputs for the line logger need.

- An input of frames: `FrameInput`, with `Delimiter`, `FixedSize`, `LengthPrefix`, `Netstring`, `Varint`.
- An input that acknowledges: `Input`, with `RecordReceiver`, `RecordDatagrams`, `Records`, `RecordFramer`.
- Any other input: `IInput`, `IDatagramReceiver`, `InputFormat`, `Intake`, `LineFramer`, `escaped`,
  `source_of`, `ConfigurationError`.
- A format over HTTP: `HttpFormat`, `IHttpFormat`, `Routes`, `Route`, `BodyRules`, `Records`, `Reply`.
- Its JSON: `parse_json_body`, `parse_json_object`, `parse_json_text`, `count_elements`, `json_line`.
- Its refusals: `RequestRefused`, `malformed_body`, `nothing_found`, `busy_refusal`; `TokenMissing`,
  `TokenWrong`.
- A body of its own: `Body`, `QuestionBody`, `RequestHead`, `require_open_store`.

Tests are in memory, with `logsrv.kit.testing`: `MemoryService(PLUGIN)`, `conformance(PLUGIN, …)`.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
