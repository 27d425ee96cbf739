"""Statements about what was built: how it came about (SLSA provenance), and what is in it (SPDX)."""
