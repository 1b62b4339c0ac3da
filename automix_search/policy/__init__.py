"""What a policy is: schema, YAML, and the augmenter that carries it out."""

from automix_search.images import ImageSpec
from automix_search.learned import StepContext
from automix_search.policy.augmenter import Augmenter
from automix_search.policy.files import load_policy, read_policy, save_policy
from automix_search.policy.schema import Judged, Policy, Provenance, Score, Transform, Versus

__all__ = [
    "Augmenter",
    "ImageSpec",
    "Judged",
    "Policy",
    "Provenance",
    "Score",
    "StepContext",
    "Transform",
    "Versus",
    "load_policy",
    "read_policy",
    "save_policy",
]
