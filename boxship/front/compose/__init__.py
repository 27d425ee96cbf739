"""Compose: files that describe an application of many containers, and the commands over them."""
