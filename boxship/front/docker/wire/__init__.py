"""Docker JSON to and from the model. Pure translation."""
