"""Lists of images for several platforms, put together on the client's side and pushed to a registry."""
