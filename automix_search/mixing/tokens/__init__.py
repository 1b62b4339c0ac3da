"""Methods on the grid of patches of a vision transformer."""
