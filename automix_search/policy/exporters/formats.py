"""The exporters, in one explicit tuple."""

from __future__ import annotations

from automix_search.errors import InputError, unknown_name
from automix_search.policy.exporters.albumentations import AlbumentationsJson
from automix_search.policy.exporters.base import AbstractExporter
from automix_search.policy.exporters.lightning import LightningCallback
from automix_search.policy.exporters.timm import TimmArguments
from automix_search.policy.exporters.torchvision import TorchvisionCode
from automix_search.policy.exporters.yaml import PolicyYaml

EXPORTERS: tuple[AbstractExporter, ...] = (
    PolicyYaml(),
    TimmArguments(),
    TorchvisionCode(),
    AlbumentationsJson(),
    LightningCallback(),
)


def exporter(name: str) -> AbstractExporter:
    """The exporter of a name.

    Raises:
        InputError: There is none.
    """
    known = {each.name: each for each in EXPORTERS}
    if name not in known:
        raise InputError(f"`--format`: {unknown_name('format', name, known)}")
    return known[name]
