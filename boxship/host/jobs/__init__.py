"""What the helper process for files runs. A program of its own: it imports little, and nothing imports it."""
