"""Where blobs' bytes are: one narrow Protocol, one suite for all drivers."""
