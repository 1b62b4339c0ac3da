"""Batches that know where they came from."""

import torch

from automix_search.mixing import MixedBatch


def three_of_three() -> MixedBatch:
    """Two items of three sources each."""
    return MixedBatch(
        torch.tensor([10.0, 20.0])[:, None],
        torch.tensor([[3, 0, 1], [1, 1, 2]]),
        torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]),
    )


def test_targets_of_many_sources() -> None:
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 2.0]])
    torch.testing.assert_close(three_of_three().targets(labels), torch.tensor([[0.3, 1.2], [0.35, 0.65]]))


def test_targets_of_one_source() -> None:
    batch = MixedBatch(torch.zeros(2, 1), torch.tensor([[2], [0]]), torch.tensor([[1.0], [0.5]]))
    assert batch.targets(torch.eye(3)).tolist() == [[0, 0, 1], [0.5, 0, 0]]


def test_joined_of_parts_with_different_numbers_of_sources() -> None:
    images = torch.arange(4.0)[:, None]
    alone = MixedBatch(torch.tensor([[7.0]]), torch.tensor([[2]]), torch.ones(1, 1))
    batch = MixedBatch.joined(images, [(torch.tensor([3, 1]), three_of_three()), (torch.tensor([2]), alone)])
    assert batch.inputs.flatten().tolist() == [0, 20, 7, 10]
    assert batch.sources.tolist() == [[0, 0, 0], [1, 1, 2], [2, 2, 2], [3, 0, 1]]
    torch.testing.assert_close(
        batch.weights, torch.tensor([[1, 0, 0], [0.1, 0.2, 0.7], [1, 0, 0], [0.5, 0.3, 0.2]])
    )
    assert batch.mask is None
    assert images.flatten().tolist() == [0, 1, 2, 3]


def test_joined_masks() -> None:
    images = torch.zeros(3, 1, 2, 2)
    sources, shares = torch.tensor([[0, 1]]), torch.tensor([[0.25, 0.75]])
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    cut = MixedBatch(torch.ones(1, 1, 2, 2), sources, shares, mask)
    blend = MixedBatch(torch.ones(1, 1, 2, 2), sources, shares)
    batch = MixedBatch.joined(images, [(torch.tensor([2]), cut), (torch.tensor([0]), blend)])
    assert torch.equal(batch.mask, torch.cat((torch.full((1, 1, 2, 2), 0.25), torch.ones(1, 1, 2, 2), mask)))


def test_joined_labels_beyond_the_batch() -> None:
    images = torch.zeros(4, 1)
    first = MixedBatch(
        torch.ones(1, 1), torch.tensor([[0, 5]]), torch.tensor([[0.5, 0.5]]), more_labels=4 + torch.eye(2, 3)
    )
    plain = MixedBatch(torch.ones(1, 1), torch.tensor([[1, 2]]), torch.tensor([[0.5, 0.5]]))
    second = MixedBatch(
        torch.ones(1, 1),
        torch.tensor([[3, 4]]),
        torch.tensor([[0.25, 0.75]]),
        more_labels=torch.full((1, 3), 8.0),
    )
    parts = [(torch.tensor([0]), first), (torch.tensor([1]), plain), (torch.tensor([3]), second)]
    batch = MixedBatch.joined(images, parts)
    assert batch.sources.tolist() == [[0, 5], [1, 2], [2, 2], [3, 6]]
    wanted = torch.tensor([[2.0, 2.5, 2.0], [0, 0, 0], [0, 0, 0], [6, 6, 6]])
    torch.testing.assert_close(batch.targets(torch.zeros(4, 3)), wanted)


def test_joined_of_nothing() -> None:
    batch = MixedBatch.joined(torch.ones(3, 2), [])
    assert batch.weights.tolist() == [[1], [1], [1]]
    assert torch.equal(batch.inputs, torch.ones(3, 2))
