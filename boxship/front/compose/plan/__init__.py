"""What has to be done so that the daemon holds what the files say. Pure: nothing here reads a clock or a socket."""
