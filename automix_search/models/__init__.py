"""Models: timm's by name, and a few small ones for CPUs and small images."""

from automix_search.models.build import BUILT_IN, build_model
from automix_search.models.spec import ModelSpec
from automix_search.models.weights import load_weights

__all__ = ["BUILT_IN", "ModelSpec", "build_model", "load_weights"]
