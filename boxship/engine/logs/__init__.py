"""What containers print: kept, rotated, read back and shipped on."""
