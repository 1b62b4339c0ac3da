"""Whether another library does what a policy says: both on the same batch with the same draws."""

from automix_search.policy.verification.comparison import AGAINST, verify
from automix_search.policy.verification.findings import Finding, Verification

__all__ = ["AGAINST", "Finding", "Verification", "verify"]
