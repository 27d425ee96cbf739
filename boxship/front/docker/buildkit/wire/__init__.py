"""Pure translation between BuildKit's messages and the builder's values."""
