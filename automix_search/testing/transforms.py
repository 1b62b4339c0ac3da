"""What every batch transform must do; the built-in ones are held to it, and a user's own may be.

class TestMyTransform(TransformContract):
    @pytest.fixture
    def transform(self):
        return MyTransform(strength=0.7)
"""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from automix_search.randomness import Randomness
from automix_search.schedules import Until
from automix_search.transforms import AbstractBatchTransform

HOST = torch.empty(0, device="cpu")
SHAPES = [(6, 3, 9, 14), (1, 3, 14, 9), (5, 1, 9, 14), (1, 1, 8, 8)]


def some_images(shape: tuple[int, int, int, int], dtype: torch.dtype, seed: int = 0) -> Tensor:
    """Noise that fills the whole range of `dtype`: `B x C x H x W`, uint8 or float in [0, 1]."""
    levels = torch.randint(0, 256, shape, generator=Generator().manual_seed(seed), dtype=torch.uint8)
    return levels if dtype == torch.uint8 else (levels / 255).to(dtype)


def seeded(seed: int = 0) -> Randomness:
    """Draws from a seed."""
    return Randomness(Generator().manual_seed(seed))


class DrawsForMeta(Randomness):
    """Draws for images on the `meta` device: what belongs on their device cannot be read back."""

    def on(self, device: torch.device) -> Generator:
        return super().on(torch.device("cpu"))

    def uniform(self, count: int, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return self._moved(super().uniform(count, HOST, low, high), like)

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        return self._moved(super().beta(alpha, count, HOST), like)

    def dirichlet(self, alpha: float, parts: int, count: int, like: Tensor) -> Tensor:
        return self._moved(super().dirichlet(alpha, parts, count, HOST), like)

    def _moved(self, draws: Tensor, like: Tensor) -> Tensor:
        return draws if len(draws) == 1 else draws.to(like.device)


class TransformContract:
    """Tests of one transform; subclasses give it as the fixture `transform`."""

    @pytest.fixture
    def transform(self) -> AbstractBatchTransform:
        """The transform under test, applied to every image."""
        raise NotImplementedError("give a fixture `transform`")

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16], ids=str)
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_keeps_shape_dtype_and_range(
        self, transform: AbstractBatchTransform, shape: tuple[int, int, int, int], dtype: torch.dtype
    ) -> None:
        for seed in range(5):
            images = some_images(shape, dtype)
            out = transform(images, 0.5, seeded(seed))
            assert (out.shape, out.dtype, out.device) == (images.shape, dtype, images.device)
            assert torch.isfinite(out).all()
            assert out.min() >= 0
            assert out.max() <= (255 if dtype == torch.uint8 else 1)

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
    def test_does_not_write_to_its_input(self, transform: AbstractBatchTransform, dtype: torch.dtype) -> None:
        images = some_images((32, 3, 9, 14), dtype)
        before = images.clone()
        transform(images, 0.5, seeded())
        assert torch.equal(images, before)

    def test_same_seed_same_result_and_nothing_but_the_seed(self, transform: AbstractBatchTransform) -> None:
        images = some_images((32, 3, 9, 14), torch.uint8)
        state = torch.get_rng_state()
        for variant in (transform, transform.model_copy(update={"probability": 0.5})):
            first = variant(images, 0.5, seeded(3))
            assert torch.equal(torch.get_rng_state(), state)
            assert torch.equal(variant(images, 0.5, seeded(3)), first)

    def test_draws_go_on_from_batch_to_batch(self, transform: AbstractBatchTransform) -> None:
        images, random = some_images((32, 3, 9, 14), torch.uint8), seeded()
        at_half = transform.model_copy(update={"probability": 0.5})
        assert not torch.equal(at_half(images, 0.5, random), at_half(images, 0.5, random))

    def test_every_image_has_draws_of_its_own(self, transform: AbstractBatchTransform) -> None:
        images = some_images((1, 3, 9, 14), torch.uint8).expand(64, -1, -1, -1)
        out = transform.model_copy(update={"probability": 0.5})(images, 0.5, seeded())
        assert len(torch.unique(out.flatten(1), dim=0)) > 1

    def test_probability_is_the_part_of_images_that_may_change(
        self, transform: AbstractBatchTransform
    ) -> None:
        images = some_images((400, 1, 5, 6), torch.uint8)
        assert torch.equal(transform.model_copy(update={"probability": 0.0})(images, 0.5, seeded()), images)
        part = transform.model_copy(update={"probability": 0.2})(images, 0.5, seeded())
        changed = (part != images).flatten(1).any(dim=1).float().mean()
        assert 0 < changed < 0.3

    def test_schedule_scales_the_probability(self, transform: AbstractBatchTransform) -> None:
        images = some_images((32, 3, 9, 14), torch.uint8)
        early = transform.model_copy(update={"schedule": Until(stop=0.4)})
        assert not torch.equal(early(images, 0.3, seeded()), images)
        assert torch.equal(early(images, 0.5, seeded()), images)

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
    def test_keeps_the_memory_format(self, transform: AbstractBatchTransform, dtype: torch.dtype) -> None:
        images = some_images((16, 3, 9, 14), dtype)
        last = images.to(memory_format=torch.channels_last)
        assert transform(images, 0.5, seeded()).is_contiguous()
        out = transform(last, 0.5, seeded())
        assert out.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(out, transform(images, 0.5, seeded()))

    def test_autocast_changes_nothing(self, transform: AbstractBatchTransform) -> None:
        images = some_images((64, 3, 9, 14), torch.float32)
        plain = transform(images, 0.5, seeded())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(transform(images, 0.5, seeded()), plain)

    def test_never_reads_back_from_the_device(self, transform: AbstractBatchTransform) -> None:
        """On `meta` there are no values: whatever asks for one (`item`, a mask as index) raises."""
        images = torch.empty((40, 3, 9, 14), dtype=torch.uint8, device="meta")
        random = DrawsForMeta(Generator().manual_seed(0))
        out = transform.model_copy(update={"probability": 0.5})(images, 0.5, random)
        assert (out.shape, out.device) == (images.shape, images.device)

    def test_default_device_changes_nothing(self, transform: AbstractBatchTransform) -> None:
        images = some_images((16, 3, 9, 14), torch.uint8)
        plain = transform(images, 0.5, seeded())
        with torch.device("meta"):
            assert torch.equal(transform(images, 0.5, seeded()), plain)

    def test_written_and_read_again_it_is_the_same(self, transform: AbstractBatchTransform) -> None:
        again = type(transform).model_validate(transform.model_dump(mode="json"))
        assert again == transform
