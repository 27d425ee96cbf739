"""The registry's storage: blobs by digest behind drivers, manifests, tags and references in SQLite.

Speaks no HTTP; `boxship.front.registry` does.
"""
