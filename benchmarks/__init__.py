"""Measurements that anybody can repeat. Never run as tests: a busy machine would make them lie."""
