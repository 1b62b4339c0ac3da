"""Policies written for other libraries, and what these cannot express."""

from automix_search.policy.exporters.base import AbstractExporter, Exported, Omission
from automix_search.policy.exporters.formats import EXPORTERS, exporter

__all__ = ["EXPORTERS", "AbstractExporter", "Exported", "Omission", "exporter"]
