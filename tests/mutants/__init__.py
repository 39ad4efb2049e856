"""Planted bugs, in the reference model and in the real ring, and the checks that catch them."""
