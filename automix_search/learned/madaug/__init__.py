"""Policies that choose operators for each image by the model's own features: MADAug and AdaAug."""

from automix_search.learned.madaug.ada_aug import AdaAug
from automix_search.learned.madaug.madaug import MADAug

__all__ = ["AdaAug", "MADAug"]
