"""The boxship command: one file per noun; reaches the daemon over HTTP only."""
