"""The OCI distribution API, the server side: parses, delegates to `boxship.engine.registry`, renders."""
