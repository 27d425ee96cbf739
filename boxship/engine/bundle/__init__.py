"""From a container spec to an OCI runtime bundle. Pure: reads nothing, writes nothing."""
