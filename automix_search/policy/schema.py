"""What a policy is: how training samples are augmented, and what is minimised on them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, TypeAdapter, model_validator
from torch import Generator, nn

from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import Spec, kind_of
from automix_search.images import ImageSpec
from automix_search.learned import AbstractLearned, Learned
from automix_search.losses import Loss, SoftCrossEntropy
from automix_search.mixing import Mix, Switch
from automix_search.policy.augmenter import Augmenter, LearnedPart
from automix_search.policy.learned_file import read_learned
from automix_search.signals import Need
from automix_search.transforms import BatchTransform, LoadTransform
from automix_search.validation import validate

FORMAT: Literal["automix-search/policy/1"] = "automix-search/policy/1"


class Transform(Spec):
    """Augmentation of single images: `load` while files are read, then `batch` on the device, in this order."""

    load: tuple[LoadTransform, ...] = ()
    batch: tuple[BatchTransform, ...] = ()


class Score(Spec):
    """A metric over paired seeds."""

    metric: str
    split: Literal["valid", "test"]
    mean: float
    standard_error: float | None = Field(None, description="Of the mean; None with a single seed.")
    seeds: tuple[int, ...]


class Versus(Spec):
    """How the best trial of a search stood to one baseline."""

    answer: Literal["better", "equal", "worse", "undecided"]
    gain: float = Field(description="Mean difference over paired seeds; positive where the trial is better.")
    interval: tuple[float, float] | None = Field(description="Of the gain; null with a single seed.")


class Judged(Spec):
    """What a search said of its best trial, in short; all of it is in the run's verdict.json."""

    answer: Literal["better", "equal", "worse", "undecided"]
    trial: str
    split: Literal["test"] = "test"
    seeds: int
    margin: float = Field(description="The largest difference that does not matter.")
    confidence: float
    against: dict[str, Versus]


class Provenance(Spec):
    """Where a policy comes from, and how it scored."""

    run: str | None = None
    trial: str | None = Field(None, description="The trial of that run, as its leaderboard names it.")
    training: str | None = Field(None, description="The training in which it learned, where it did.")
    data: JsonValue = None
    model: JsonValue = None
    trainer: JsonValue = Field(None, description="The resolved recipe that the score was made with.")
    score: Score | None = None
    verdict: Judged | None = None
    baselines: dict[str, Score] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    def images(self) -> ImageSpec | None:
        """How the images looked that the policy was searched on; None where that is not known."""
        fields = ("channels", "size", "mean", "std")
        if not isinstance(self.data, dict) or not set(fields) <= set(self.data):
            return None
        return TypeAdapter(ImageSpec).validate_python({name: self.data[name] for name in fields})


class Policy(Spec):
    """An augmentation policy.

    `policy.build(num_classes=...)` makes the augmenter that carries it out.
    """

    format: Literal["automix-search/policy/1"] = FORMAT
    transform: Transform = Transform()
    mix: Mix = Switch()
    learned: Learned | None = Field(None, description="What learns while the model trains.")
    loss: Loss = SoftCrossEntropy()
    provenance: Provenance | None = None

    @model_validator(mode="after")
    def _all_sources_are_known(self) -> Policy:
        methods = (option.method for option in self.mix.options if option.weight > 0)
        beyond = next((kind_of(type(method)) for method in methods if method.beyond_batch), None)
        if beyond is not None and self.loss.within_batch:
            raise ValueError(
                f"the loss `{kind_of(type(self.loss))}` looks at the predictions of all that was mixed, but `{beyond}` "
                f"mixes in samples from beyond the batch"
            )
        return self

    @model_validator(mode="after")
    def _one_mixes(self) -> Policy:
        if self.learned is not None and self.learned.mixes and self.mix.mixes:
            kind = kind_of(type(self.learned))
            raise ValueError(f"the learned policy `{kind}` mixes the batch itself; leave `mix` out")
        return self

    def needs(self) -> frozenset[Need]:
        """What the policy looks at beside images and labels."""
        learned = frozenset() if self.learned is None else self.learned.needs()
        return self.mix.needs() | self.loss.needs() | learned

    def static(self) -> Policy:
        """The policy without weights that does on average what this one has learned.

        Raises:
            InputError: It learns nothing, or has not learned yet, or what it does on average is no policy.
        """
        if self.learned is None or self.learned.marginal is None:
            raise InputError("this policy holds nothing learned that could be written without weights")
        average = validate(Policy, Document(self.learned.marginal, "`learned.marginal`"))
        batch = (*self.transform.batch, *average.transform.batch)
        parts = {name: getattr(average, name) for name in self.learned.marginal if name != "transform"}
        transform = self.transform.model_copy(update={"batch": batch})
        return self.model_copy(update={**parts, "learned": None, "transform": transform})

    def build(
        self,
        *,
        num_classes: int,
        input: ImageSpec | None = None,
        model: nn.Module | None = None,
        teacher: nn.Module | None = None,
        generator: Generator | None = None,
    ) -> Augmenter:
        """Build the augmenter that carries this policy out in a training loop.

        Args:
            num_classes: Number of classes, K.
            input: How images look. Left out, floats are taken as they come, normalised; uint8 images, and all images of
                a policy with transforms, are taken to look like the data that it was searched on (its provenance).
            model: The model to be trained, for policies that look into it or whose loss has layers of its own.
            teacher: A trained model for the same images and classes, for policies that learn from one.
            generator: Source of all randomness; None takes a seed from torch's global generator.

        Raises:
            InputError: The policy needs something that was not given.
        """
        return Augmenter(
            self.transform.batch,
            self.mix,
            self.loss,
            None if self.learned is None else _part(self.learned),
            num_classes=num_classes,
            input=input,
            stored=None if self.provenance is None else self.provenance.images(),
            model=model,
            teacher=teacher,
            generator=generator,
        )


def _part(spec: AbstractLearned) -> LearnedPart:
    """What learns, with what it learned before.

    Raises:
        InputError: It is frozen without any, or they cannot be read.
    """
    if spec.frozen and spec.weights is None:
        raise InputError("`frozen` keeps what was learned: give its `weights`, or leave `frozen` out")
    return LearnedPart(spec, None if spec.weights is None else read_learned(spec.weights).tensors)
