"""`boxship container …`: flags to requests in options.py, the verbs in the files beside it."""
