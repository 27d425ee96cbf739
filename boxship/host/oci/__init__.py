"""The OCI runtime: which ones this host has, and what is asked of them directly."""
