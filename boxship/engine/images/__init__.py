"""Images: content-addressed, extracted once, shared by all containers."""
