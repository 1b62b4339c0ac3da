"""Deep AutoAugment: layers of operations, each matched to the gradient of held-out images."""

from automix_search.learned.deep_auto_augment.method import DeepAutoAugment

__all__ = ["DeepAutoAugment"]
