"""The built-in transforms, in explicit tuples: `batch:` on the device, `load:` per item while reading files."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.transforms.base import AbstractBatchTransform
from automix_search.transforms.flip import HorizontalFlip

BATCH_TRANSFORMS = Family("batch transform", AbstractBatchTransform, (HorizontalFlip,))

BatchTransform = Annotated[AbstractBatchTransform, BATCH_TRANSFORMS]
