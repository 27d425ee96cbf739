"""Networks of one node: addresses, links, published ports, names."""
