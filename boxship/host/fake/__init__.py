"""A host of thin air for scenarios: it outlives the daemons that use it, as a real one does."""
