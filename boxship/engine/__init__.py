"""One node: containers, images, networks and volumes, over the ground and a store."""
