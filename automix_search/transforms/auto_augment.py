"""AutoAugment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.published import SUB_POLICIES, PolicyName
from automix_search.transforms.sub_policies import apply_sub_policies


class AutoAugment(AbstractBatchTransform):
    """A published policy of 25 sub-policies of two operations, of which each image gets one.

    Operations and magnitudes are torchvision's, nearest interpolation and black fill included; in the authors' own
    code bin 0 of a change of colour is nearly grey, here it is no change. Write a policy of your own as `sub_policies`.

    Reference: Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019,
    https://arxiv.org/abs/1805.09501.
    """

    kind: Literal["auto_augment"] = "auto_augment"
    policy: PolicyName = Field("imagenet", description="The data set on which the policy was found.")

    def transform(self, images: Images, random: Randomness) -> Images:
        return apply_sub_policies(images, SUB_POLICIES[self.policy], random)
