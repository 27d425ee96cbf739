"""The slab: what every floor may use and what uses nothing of ours."""
