"""A callback of Lightning that carries a policy out with this package."""

from __future__ import annotations

from automix_search.families import kind_of
from automix_search.policy.exporters.base import AbstractExporter, Account, Exported
from automix_search.policy.schema import Policy

CODE = '''\
"""An augmentation policy as a callback of Lightning; the policy is the file of the same name that ends in `.yaml`.

Lightning lets no callback change a batch, so the training step asks for the loss. In your LightningModule:

    def training_step(self, batch, batch_idx):
        x, y = batch  # x: uint8 or in [0, 1], not normalised; y: class ids, or rows of shares
        return self.augmentation.loss(self, x, y)

    def validation_step(self, batch, batch_idx):
        logits = self(self.augmentation.normalise(batch[0]))

    def configure_optimizers(self):
        return SGD([{"params": self.parameters()}, *self.augmentation.param_groups()], lr=0.1)

and `Trainer(callbacks=[Augmentation(num_classes=10)], max_epochs=...)`.
"""
'''
CLASS = '''
from pathlib import Path

from lightning.pytorch import Callback

from automix_search import load_policy

POLICY = Path(__file__).with_suffix(".yaml")


class Augmentation(Callback):
    """Sets `augmentation` of the module, and tells it how far the training is.

    Args:
        num_classes: Number of classes.
        images: How images look, an `automix_search.ImageSpec`; None takes the data that the policy was searched on.
        teacher: A trained model, for policies that learn from one.
    """

    def __init__(self, num_classes, images=None, teacher=None):
        self.policy = load_policy(POLICY)
        self.num_classes, self.images, self.teacher = num_classes, images, teacher
        self.progress, self._module, self._augment, self._state = 0.0, None, None, None

    @property
    def augment(self):
        """The policy at work; built when it is first asked for, once the module is on its device."""
        if self._augment is None:
            self._augment = self.policy.build(
                num_classes=self.num_classes, input=self.images, model=self._module, teacher=self.teacher
            )
            if self._state is not None:
                self._augment.load_state_dict(self._state)
        return self._augment

    def setup(self, trainer, pl_module, stage):
        self._module = pl_module
        pl_module.augmentation = self

    def on_train_start(self, trainer, pl_module):
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        trained = {id(weight) for group in groups for weight in group["params"]}
        if not all(id(weight) in trained for group in self.param_groups() for weight in group["params"]):
            raise ValueError("this loss has layers: add `self.augmentation.param_groups()` to the optimiser")

    def on_train_epoch_start(self, trainer, pl_module):
        self.progress = self._progress(trainer)
        self.augment.begin_epoch(self.progress)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.progress = self._progress(trainer)

    def loss(self, model, x, y):
        """The policy's loss of the model on an augmented batch."""
        return self.augment.loss(model, x, y, progress=self.progress)

    def normalise(self, x):
        """Images as the model sees them, for evaluation."""
        return self.augment.normalise(x)

    def param_groups(self):
        """Layers of the policy's loss, to be trained along with the model."""
        return self.augment.param_groups()

    def state_dict(self):
        return self.augment.state_dict()

    def load_state_dict(self, state):
        self._state = state
        if self._augment is not None:
            self._augment.load_state_dict(state)

    @staticmethod
    def _progress(trainer):
        steps = trainer.estimated_stepping_batches
        if steps == float("inf"):
            raise ValueError("a policy asks how much of the training is done: give the trainer max_epochs or max_steps")
        return min(trainer.global_step / steps, 1.0)
'''
LOADING = '''

def picture_transform(train):
    """Of a decoded PIL picture, for the data set: what the policy does while pictures are read."""
    from automix_search.transforms import LoadStage

    return LoadStage(load_policy(POLICY).transform.load, train)
'''


class LightningCallback(AbstractExporter):
    """Python code that reads the policy from the file beside it, and so does all of it but learn."""

    name = "lightning"
    suffix = ".py"

    def export(self, policy: Policy) -> Exported:
        account = Account()
        account.remark("the training step must ask for the loss, as it is said above")
        beside = policy
        if policy.learned is not None and not policy.learned.frozen:
            why = (
                "it learns from a part of the data and from every optimiser step, which no callback is given; what it "
                "learned works where it is `frozen`"
            )
            account.leave_out("learned", kind_of(type(policy.learned)), why, "it is written without")
            beside = policy.model_copy(update={"learned": None})
        if policy.transform.load:
            account.remark("pictures are read with `picture_transform`, in your data set")
        comments = "".join(f"{line}\n" for line in account.comments())
        text = CODE + comments + CLASS + (LOADING if policy.transform.load else "")
        return account.exported(text, beside)
