"""Policies whose masks a small network learns to draw: AutoMix, SAMix, AdAutoMix."""

from automix_search.learned.automix.ad_automix import AdAutoMix
from automix_search.learned.automix.automix import AutoMix
from automix_search.learned.automix.samix import SAMix

__all__ = ["AdAutoMix", "AutoMix", "SAMix"]
