"""The languages people speak to us; none knows another."""
