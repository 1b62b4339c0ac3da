"""Data-efficient augmentation: only samples that stand for many others are augmented."""

from automix_search.learned.coreset.policy import DataEfficient

__all__ = ["DataEfficient"]
