"""Small programs for the kernel's BPF machine, and the calls to load them. Names no container and no network."""
