"""Our own format."""

from __future__ import annotations

from automix_search.documents import to_yaml
from automix_search.policy.exporters.base import AbstractExporter, Exported
from automix_search.policy.schema import Policy
from automix_search.validation import dump


class PolicyYaml(AbstractExporter):
    """A policy file, with every effective value; it expresses all that there is."""

    name = "yaml"
    suffix = ".yaml"

    def export(self, policy: Policy) -> Exported:
        return Exported(to_yaml(dump(policy)))
