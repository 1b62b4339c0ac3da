"""The callback for Lightning, in a real training."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from policies_to_export import searched
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from automix_search.policy import save_policy
from automix_search.policy.exporters import exporter

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def lightning():
    return pytest.importorskip("lightning.pytorch")


def exported(policy, folder):
    """The module that is exported, imported from a folder."""
    found = exporter("lightning").export(policy)
    save_policy(found.beside, folder / "augment.yaml")
    (folder / "augment.py").write_text(found.text)
    spec = importlib.util.spec_from_file_location("augment", folder / "augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def module_of(lightning, with_groups=True):
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.map, self.head = nn.Conv2d(3, 5, 1), nn.Linear(5, 4)
            self.heard = []

        def forward(self, x):
            return self.head(self.map(x).mean((2, 3)))

        def training_step(self, batch, batch_idx):
            loss = self.augmentation.loss(self, *batch)
            self.heard.append((self.augmentation.progress, float(loss)))
            return loss

        def configure_optimizers(self):
            groups = self.augmentation.param_groups() if with_groups else []
            return torch.optim.SGD([{"params": self.parameters()}, *groups], lr=0.1)

    return Module()


def fitted(lightning, policy, folder, with_groups=True):
    module, callback = module_of(lightning, with_groups), exported(policy, folder).Augmentation(num_classes=4)
    data = TensorDataset(torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8), torch.arange(8) % 4)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", callbacks=[callback], logger=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(module, DataLoader(data, batch_size=4))
    return module, callback, trainer


def test_a_training_asks_the_policy_for_its_loss_and_tells_it_the_progress(lightning, tmp_path):
    mix = {"kind": "cutmix", "schedule": {"kind": "until", "stop": 0.5}}
    policy = searched(mix=mix, transform={"batch": [{"kind": "hflip"}]})
    module, callback, trainer = fitted(lightning, policy, tmp_path)
    assert callback.policy == policy
    assert [progress for progress, _ in module.heard] == [0, 0.25, 0.5, 0.75]
    assert all(loss > 0 for _, loss in module.heard)
    trainer.save_checkpoint(tmp_path / "training.ckpt")
    content = torch.load(tmp_path / "training.ckpt", weights_only=False)
    assert [set(state) for state in content["callbacks"].values() if "random" in state]


def test_layers_of_a_loss_are_trained_or_missed(lightning, tmp_path):
    policy = searched(mix={"kind": "mixup"}, loss={"kind": "sumix"})
    _, callback, _ = fitted(lightning, policy, tmp_path)
    layers = [weight for group in callback.param_groups() for weight in group["params"]]
    assert layers
    assert any(weight.grad is not None for weight in layers)
    with pytest.raises(ValueError, match="this loss has layers"):
        fitted(lightning, policy, tmp_path, with_groups=False)
