"""`boxship build`."""
