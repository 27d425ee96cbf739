"""The Docker Engine API: parse, delegate, render."""
