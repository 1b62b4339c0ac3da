"""Whether another library does what a policy says: both on the same batch with the same draws."""

from automix_search.policy.verification.findings import Finding, Verification
from automix_search.policy.verification.verify import AGAINST, verify

__all__ = ["AGAINST", "Finding", "Verification", "verify"]
