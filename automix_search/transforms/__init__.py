"""Augmentation before mixing: `load:` per item on the CPU, `batch:` on the device. Torch only."""

from automix_search.transforms.base import AbstractBatchTransform
from automix_search.transforms.load import AbstractLoadTransform, LoadStage, PictureFunction, stage_size
from automix_search.transforms.methods import BATCH_TRANSFORMS, LOAD_TRANSFORMS, BatchTransform, LoadTransform

__all__ = [
    "BATCH_TRANSFORMS",
    "LOAD_TRANSFORMS",
    "AbstractBatchTransform",
    "AbstractLoadTransform",
    "BatchTransform",
    "LoadStage",
    "LoadTransform",
    "PictureFunction",
    "stage_size",
]
