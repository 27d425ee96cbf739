"""Where wishes and observations are kept: revisioned keys, compare-and-swap, watch."""
