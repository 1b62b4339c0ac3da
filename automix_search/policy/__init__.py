"""What a policy is: schema, YAML, and the augmenter that carries it out."""

from automix_search.images import ImageSpec
from automix_search.learned import StepContext
from automix_search.policy.augmenter import Augmenter
from automix_search.policy.files import load_policy, read_policy, save_policy
from automix_search.policy.schema import Policy, Provenance, Score, Transform

__all__ = [
    "Augmenter",
    "ImageSpec",
    "Policy",
    "Provenance",
    "Score",
    "StepContext",
    "Transform",
    "load_policy",
    "read_policy",
    "save_policy",
]
