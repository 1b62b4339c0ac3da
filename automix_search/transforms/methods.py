"""The built-in transforms, in explicit tuples: `batch:` on the device, `load:` per item while reading."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.transforms.affine import Affine
from automix_search.transforms.aug_mix import AugMix
from automix_search.transforms.auto_augment import AutoAugment
from automix_search.transforms.base import AbstractBatchTransform
from automix_search.transforms.crop import RandomCrop
from automix_search.transforms.crop_mix import CropMix
from automix_search.transforms.cutout import Cutout
from automix_search.transforms.flip import HorizontalFlip
from automix_search.transforms.load import AbstractLoadTransform
from automix_search.transforms.operation_table import OperationTable
from automix_search.transforms.random_augment import RandAugment
from automix_search.transforms.random_erasing import RandomErasing
from automix_search.transforms.random_field import RandomField
from automix_search.transforms.resize import Resize, ResizedCrop
from automix_search.transforms.sub_policies import SubPolicies
from automix_search.transforms.trivial_augment import TrivialAugment

BATCH_TRANSFORMS = Family(
    "batch transform",
    AbstractBatchTransform,
    (
        RandomCrop,
        HorizontalFlip,
        Affine,
        RandAugment,
        TrivialAugment,
        AutoAugment,
        SubPolicies,
        OperationTable,
        AugMix,
        RandomField,
        CropMix,
        Cutout,
        RandomErasing,
    ),
)
LOAD_TRANSFORMS = Family("load transform", AbstractLoadTransform, (ResizedCrop, Resize))

BatchTransform = Annotated[AbstractBatchTransform, BATCH_TRANSFORMS]
LoadTransform = Annotated[AbstractLoadTransform, LOAD_TRANSFORMS]
