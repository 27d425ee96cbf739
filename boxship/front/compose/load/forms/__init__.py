"""Short forms of the file turned into their long forms. Pure."""
