"""Label rules: how much of each source's label a mixed item gets."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.share import ShareLabels

LABEL_RULES = Family("label rule", AbstractLabelRule, (ShareLabels,))

LabelRule = Annotated[AbstractLabelRule, LABEL_RULES]

__all__ = ["LABEL_RULES", "AbstractLabelRule", "LabelRule", "ShareLabels"]
