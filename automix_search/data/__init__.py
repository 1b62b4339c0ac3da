"""Data sets: read, checked, divided into splits with a hash, and given out in batches on a device."""

from automix_search.data.base import AbstractDataSource, AbstractUndividedSource
from automix_search.data.batches import Batch, Batches
from automix_search.data.content import Content
from automix_search.data.division import Division, Rule
from automix_search.data.sources import DATASETS, DataSource
from automix_search.data.splits import Arrays, ImageInfo, Split, Splits, Streamed
from automix_search.data.torch_data import Holding, splits_of

__all__ = [
    "DATASETS",
    "AbstractDataSource",
    "AbstractUndividedSource",
    "Arrays",
    "Batch",
    "Batches",
    "Content",
    "DataSource",
    "Division",
    "Holding",
    "ImageInfo",
    "Rule",
    "Split",
    "Splits",
    "Streamed",
    "splits_of",
]
