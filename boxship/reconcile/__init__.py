"""Desired against observed: plans that print, and the hands and workers that carry them out. No container words."""
