"""Bodies of HTTP requests: JSON, protobuf and lines, as Loki, OTLP and Elasticsearch are sent them."""
