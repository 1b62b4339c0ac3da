"""Augmentation as a constraint on the loss of transformed images: a chain draws them, a dual weighs them."""

from automix_search.learned.invariance.policy import InvarianceConstrained

__all__ = ["InvarianceConstrained"]
