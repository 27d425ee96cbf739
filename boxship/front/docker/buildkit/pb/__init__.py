"""Generated from the .proto files beside (`make protos`)."""
