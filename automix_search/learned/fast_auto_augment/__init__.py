"""Fast AutoAugment: policies chosen by how well the model still recognises held-out images under them."""

from automix_search.learned.fast_auto_augment.method import FastAutoAugment

__all__ = ["FastAutoAugment"]
