"""Bodies of HTTP requests: JSON, protobuf and lines, in the formats of Loki, OTLP and Elasticsearch too."""
