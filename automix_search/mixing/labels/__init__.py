"""Label rules: how much of each source's label a mixed item gets."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.mixing.labels.asymmetric import AsymmetricLabels
from automix_search.mixing.labels.attention import AttentionLabels
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.dominant import DominantLabels
from automix_search.mixing.labels.progressive import ProgressiveLabels
from automix_search.mixing.labels.redrawn import RedrawnLabels
from automix_search.mixing.labels.semantic import SemanticLabels
from automix_search.mixing.labels.share import ShareLabels
from automix_search.mixing.labels.token_alignment import TokenAlignmentLabels

LABEL_RULES = Family(
    "label rule",
    AbstractLabelRule,
    (
        *(ShareLabels, AsymmetricLabels, DominantLabels, RedrawnLabels),
        *(AttentionLabels, ProgressiveLabels, TokenAlignmentLabels, SemanticLabels),
    ),
)

LabelRule = Annotated[AbstractLabelRule, LABEL_RULES]

__all__ = ["LABEL_RULES", "AbstractLabelRule", "LabelRule", "ShareLabels"]
