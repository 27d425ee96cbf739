"""conmon, the monitor beside each container: it holds terminal, log and exit code while daemons come and go."""
