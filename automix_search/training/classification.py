"""Training an image classifier under a policy: the whole loop, readable in one sitting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from automix_search.data import Batches, Split, Splits
from automix_search.documents import write_atomically
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.learned import Trunk
from automix_search.metrics import NamedMetric, measure, recalls, resolve_metric
from automix_search.models import build_model, load_weights
from automix_search.policy import ImageSpec, Policy
from automix_search.policy.learned_file import pack
from automix_search.signals import Need, classifier
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.training.evaluation import ENLARGE, predict, score
from automix_search.training.fitness import (
    BuiltOnce,
    check_learned,
    check_model,
    check_needs_of_teacher,
    check_sight,
    example_of,
    settle_loss,
)
from automix_search.training.model_function import ModelFunction, call_model
from automix_search.training.optimisation import Optimisation
from automix_search.training.penultimate import check_features, features
from automix_search.training.recipe import Recipe
from automix_search.training.run import Run
from automix_search.training.search_share import take_share
from automix_search.training.seeding import GlobalRandom, Seeds
from automix_search.validation import dump

RECALL = "recall/"
"""Begins the names of a class's recall, before its id; no metric of the user's own can be called so."""
MOST_CLASSES = 1000
"""So many classes are told one by one."""


class ClassificationTrainer(AbstractTrainer):
    """Trains an image classifier by a recipe.

    After each epoch it yields `epoch` (how many are done), the objective's metric and the recipe's others on
    the validation split, `train_loss` and `lr`. Metrics after temperature scaling bring `temperature` with
    them: the validation split's own are cross-fitted, those of the test split use what all of the validation
    split says. Metrics of neural collapse are of the clean training split (`test_...` of the test split) and
    come after the last epoch only, unless they are the objective. With the test split comes the recall of each of up
    to 1,000 classes, `test_recall/0` and so on. A training that goes on from a checkpoint
    first yields its last epoch again, so that no report is lost. A loss that is not finite ends the training,
    with NaN for every metric. What a policy has learned is written to a file after the last epoch.

    Args:
        recipe: How to train.
        splits: What to train on.
        model: Makes a fresh model; None builds the recipe's.
        metric: What the search optimises; None takes the recipe's objective.

    Raises:
        InputError: There is no model, or a metric says nothing about such data.
    """

    forks = True

    def __init__(
        self,
        recipe: Recipe,
        splits: Splits,
        *,
        model: ModelFunction | None = None,
        metric: NamedMetric | None = None,
    ) -> None:
        if model is None and recipe.model is None:
            raise InputError("there is no model: name one in the recipe, or give a function that makes one")
        self.recipe, self.splits, self.model, self.metric = recipe, splits, model, metric
        self._built = BuiltOnce()
        self.settings, self.resources = recipe, recipe.resources
        self.epochs, self.transform, self.baselines = recipe.epochs, recipe.transform, recipe.baselines
        first = metric or resolve_metric(recipe.objective.metric)
        self.objective = Objective(first.name, first.direction)
        self.metrics = (first, *(resolve_metric(name) for name in recipe.metrics if name != first.name))
        for each in self.metrics:
            each.check(num_classes=splits.info.num_classes, multi_label=splits.info.multi_label)

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        random = GlobalRandom(Seeds.spread(assignment.seed).weights, torch.device(assignment.device))
        with random.active():
            run = self.prepare(assignment, random)
            resumed = run.resume(assignment.checkpoint)
            if not resumed and assignment.origin is not None:
                run.load(assignment.origin)
        if resumed:
            self.keep_learned(run, assignment)
            yield run.metrics
        while run.epoch < assignment.last_epoch:
            with random.active():
                loss = run.train_epoch()
                run.metrics = {"epoch": run.epoch, "train_loss": loss, "lr": run.optimisation.rate}
                self.costs = run.costs
                if math.isfinite(loss):
                    run.metrics |= self.score(run, assignment)
                    stops = run.epoch == assignment.until
                    run.keep(assignment.checkpoint, 0.0 if stops else assignment.checkpoint_every_s)
                    self.keep_learned(run, assignment)
                else:
                    run.metrics |= {metric.name: math.nan for metric in self.metrics}
            yield run.metrics
            if not math.isfinite(loss):
                return

    def prepare(self, assignment: Assignment, random: GlobalRandom) -> Run:
        """A training before its first step; torch's global random state must be the training's own."""
        device, seeds = torch.device(assignment.device), Seeds.spread(assignment.seed)
        policy = self.settle(assignment.policy)
        model = self.build_model().to(device)
        if self.recipe.channels_last:
            model = model.to(memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(seeds.augmentation)
        augmenter = policy.build(
            num_classes=self.splits.info.num_classes,
            input=self.images,
            model=model,
            teacher=self.build_teacher(policy, device),
            generator=generator,
        )
        optimisation = Optimisation(model, self.recipe, device, augmenter.param_groups())
        if self.recipe.compile:
            model.compile()
        train, search = take_share(self.splits.train, augmenter.search_share, seeds.search_share)
        return Run(
            optimisation,
            augmenter,
            batches=self.batches(train, policy, device),
            search_batches=None if search is None else self.batches(search, policy, device),
            valid_batches=self.batches(self.splits.valid, policy, device, ENLARGE),
            seeds=seeds,
            random=random,
            epochs=assignment.epochs,
        )

    def keep_learned(self, run: Run, assignment: Assignment) -> None:
        """Write down what the policy has learned, after the last epoch; what is frozen is written already."""
        learner, spec = run.augmenter.learner, assignment.policy.learned
        if learner is None or spec is None or learner.frozen or assignment.learned is None:
            return
        if run.epoch == run.epochs:
            write_atomically(assignment.learned, pack(learner, spec.trunk or self.trunk))

    @property
    def trunk(self) -> Trunk | None:
        """The model as a network that an exported policy looks with; None where no recipe names it."""
        info, spec = self.splits.info, self.recipe.model
        if self.model is not None or spec is None:
            return None
        return Trunk(
            model=spec,
            channels=info.channels,
            size=info.size,
            num_classes=info.num_classes,
            mean=info.mean,
            std=info.std,
        )

    def score(self, run: Run, assignment: Assignment) -> dict[str, float]:
        """The metrics of the validation split; after the last epoch also of the test split, if asked for."""
        last = run.epoch == run.epochs
        found = score(*self._predict(run, run.valid_batches), self.metrics)
        temperature = found.get("temperature")
        found |= self._collapse(run, run.batches, last)
        if assignment.test and last:
            batches = self.batches(self.splits.test, assignment.policy, run.optimisation.device, ENLARGE)
            logits, labels = self._predict(run, batches)
            test = self._by_class(logits, labels) | score(logits, labels, self.metrics, temperature)
            test |= self._collapse(run, batches, last)
            found |= {f"test_{name}": value for name, value in test.items()}
        return found

    def _by_class(self, logits: Tensor, labels: Tensor) -> dict[str, float]:
        """Recall of each class, where an image has one and there are not too many: `recall/0`, `recall/1`, ...."""
        info = self.splits.info
        if info.multi_label or info.num_classes > MOST_CLASSES:
            return {}
        return {f"{RECALL}{label}": recall for label, recall in recalls(logits, labels).items()}

    def _predict(self, run: Run, batches: Batches) -> tuple[Tensor, Tensor]:
        model, precision = run.optimisation.best_model, run.optimisation.autocast()
        return predict(model, batches.epoch(None), run.augmenter.normalise, precision)

    def _collapse(self, run: Run, batches: Batches, last: bool) -> dict[str, float]:
        """Metrics of neural collapse on a split: the objective, and after the last epoch the others."""
        wanted = [
            metric
            for metric in self.metrics
            if metric.reads == "geometry" and (last or metric.name == self.objective.metric)
        ]
        if not wanted:
            return {}
        model, precision = run.optimisation.best_model, run.optimisation.autocast()
        geometry = measure(
            lambda: features(model, batches.epoch(None), run.augmenter.normalise, precision),
            classifier(model),
        )
        return {metric.name: metric.compute(geometry) for metric in wanted}

    def build_model(self) -> nn.Module:
        """A fresh model from torch's global random state, on the CPU, with the recipe's starting weights."""
        info = self.splits.info
        if self.model is not None:
            model = call_model(self.model, channels=info.channels, num_classes=info.num_classes)
        elif self.recipe.model is not None:
            model = build_model(
                self.recipe.model, channels=info.channels, size=info.size, num_classes=info.num_classes
            )
        if self.recipe.weights is not None:
            load_weights(model, self.recipe.weights)
        return model

    def build_teacher(self, policy: Policy, device: torch.device) -> nn.Module | None:
        """The recipe's teacher, if the policy needs one."""
        if self.recipe.teacher is None or Need.TEACHER not in policy.needs():
            return None
        teacher = self.recipe.teacher.build(self.splits.info).to(device)
        return teacher.to(memory_format=torch.channels_last) if self.recipe.channels_last else teacher

    @property
    def images(self) -> ImageSpec:
        """How the images look to an augmenter."""
        info = self.splits.info
        return ImageSpec(info.channels, info.size, info.mean, info.std)

    def batches(self, split: Split, policy: Policy, device: torch.device, enlarge: int = 1) -> Batches:
        """Batches of a split, `enlarge` times the recipe's size, read as the policy says."""
        size, last = self.recipe.batch_size * enlarge, self.recipe.channels_last
        return Batches(split, size, device, channels_last=last, load=policy.transform.load)

    def settle(self, policy: Policy) -> Policy:
        info, teacher = self.splits.info, self.recipe.teacher
        check_needs_of_teacher(policy, None if teacher is None else teacher.classes(info), info)
        if policy.needs() or policy.mix.hidden_layers():
            check_sight(policy, self._example())
        settled = settle_loss(policy, info)
        if settled.learned is not None:
            check_learned(settled, self._example(), self.images, info.num_classes)
        return settled

    def _example(self) -> nn.Module:
        """A model like those that are trained, to look at how it is built."""
        info = self.splits.info
        if self.model is None and self.recipe.model is not None:
            return example_of(self.recipe.model.model_dump_json(), info.channels, info.size, info.num_classes)
        with GlobalRandom(0, torch.device("cpu")).active():
            return self._built.get(self.build_model)

    def with_settings(self, settings: Spec) -> Self:
        if not isinstance(settings, Recipe):
            raise InputError(f"the settings of this trainer are a recipe, not a {type(settings).__name__}")
        if settings.data != self.recipe.data:
            raise InputError(
                "a space cannot change `trainer.data`: all trials of a search share one data set"
            )
        if self.metric is not None and settings.objective != self.recipe.objective:
            raise InputError(
                "a space cannot change `trainer.objective` where the program gives the metric itself"
            )
        other = type(self)(settings, self.splits, model=self.model, metric=self.metric)
        other._built = self._built
        return other

    def describe(self) -> dict[str, Any]:
        with GlobalRandom(0, torch.device("cpu")).active():
            parameters = sum(parameter.numel() for parameter in self.build_model().parameters())
        model = getattr(self.model, "__qualname__", None) or (self.recipe.model and dump(self.recipe.model))
        return {
            "trainer": type(self).__name__,
            "data": self.splits.describe(),
            "model": model,
            "parameters": parameters,
            "recipe": dump(self.recipe),
        }

    def check(self) -> None:
        """See that data, model, optimiser and base policy fit each other, before any training starts.

        Raises:
            InputError: They do not.
        """
        random = GlobalRandom(0, torch.device("cpu"))
        with random.active():
            run = self.prepare(Assignment(Policy(transform=self.transform), seed=0, epochs=1), random)
            batch = next(iter(run.batches.epoch(None)))
            images = run.augmenter.normalise(batch.inputs[:2])
            check_model(run.optimisation.model, images, self.splits.info)
            if self.recipe.teacher is not None:
                self.recipe.teacher.build(self.splits.info)
            if any(metric.reads == "geometry" for metric in self.metrics):
                check_features(run.optimisation.model, images)
