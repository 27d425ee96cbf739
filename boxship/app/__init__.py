"""The roof: the only place that names concrete classes."""
