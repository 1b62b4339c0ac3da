"""Augmentation before mixing: `load:` per item on the CPU, `batch:` on the device. Torch only."""

from automix_search.transforms.base import AbstractBatchTransform
from automix_search.transforms.load import LOAD_TRANSFORMS, AbstractLoadTransform, LoadTransform
from automix_search.transforms.methods import BATCH_TRANSFORMS, BatchTransform

__all__ = [
    "BATCH_TRANSFORMS",
    "LOAD_TRANSFORMS",
    "AbstractBatchTransform",
    "AbstractLoadTransform",
    "BatchTransform",
    "LoadTransform",
]
