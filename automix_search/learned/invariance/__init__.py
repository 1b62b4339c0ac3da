"""Augmentation as a constraint on the loss of transformed images: a chain that draws them, a dual that weighs them."""
