"""Adversarial AutoAugment: a controller that learns which policies are hard for the model as it is."""

from automix_search.learned.adversarial.method import AdversarialAutoAugment

__all__ = ["AdversarialAutoAugment"]
