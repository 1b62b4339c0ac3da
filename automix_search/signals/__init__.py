"""What a method may look at beside the pixels: saliency, attention, features, predictions. Torch hooks."""

from automix_search.signals.attention import Attention
from automix_search.signals.embedding import embed
from automix_search.signals.fitness import check_layers, check_needs
from automix_search.signals.forward import HiddenMix, Outcome, run
from automix_search.signals.layers import Layer, classifier, layer_name
from automix_search.signals.needs import CLASSES_OF_TEACHER, Need, extra_passes
from automix_search.signals.of_model import ModelSignals, undisturbed
from automix_search.signals.signals import Memory, Scale, Signals, no_teacher, other_classes

__all__ = [
    "CLASSES_OF_TEACHER",
    "Attention",
    "HiddenMix",
    "Layer",
    "Memory",
    "ModelSignals",
    "Need",
    "Outcome",
    "Scale",
    "Signals",
    "check_layers",
    "check_needs",
    "classifier",
    "embed",
    "extra_passes",
    "layer_name",
    "no_teacher",
    "other_classes",
    "run",
    "undisturbed",
]
