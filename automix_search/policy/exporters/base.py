"""The contract of exporters: a policy in another library's terms, and an account of what those lack.

Nothing is dropped silently. What another library cannot do, or does in another way, is an *omission* with its path in
the policy; only what differs by rounding is a *remark*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from automix_search.policy.schema import Policy


@dataclass(frozen=True)
class Omission:
    """Something of a policy that the other library cannot express.

    Attributes:
        path: Where it stands in the policy: `mix.options[0].method.alpha`.
        value: What the policy says there.
        why: What the other library does, or lacks.
        instead: What is written in its place; empty where nothing is.
    """

    path: str
    value: str
    why: str
    instead: str = ""

    def __str__(self) -> str:
        return f"`{self.path}` is `{self.value}`: {self.why}"

    @property
    def told(self) -> str:
        """It, with what is written in its place."""
        return f"{self}; {self.instead}" if self.instead else str(self)


@dataclass(frozen=True)
class Exported:
    """A policy as another library takes it.

    Attributes:
        text: The content of the file; omissions and remarks are in its comments, where the format has them.
        left_out: What it does not express; empty where it does all that the policy does.
        remarks: What differs by rounding, or holds only under a condition that is named.
        beside: A policy to be written beside the file, which reads it; None where the file is all.
    """

    text: str
    left_out: tuple[Omission, ...] = ()
    remarks: tuple[str, ...] = ()
    beside: Policy | None = None


class AbstractExporter(ABC):
    """Writes policies for one library.

    Attributes:
        name: The value of `--format`.
        suffix: How names of such files end.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def export(self, policy: Policy) -> Exported:
        """All of the policy that the library can express, and what it cannot."""


@dataclass
class Account:
    """What an exporter has to say of a policy, gathered while it writes."""

    left_out: list[Omission] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, path: str, value: object, why: str, instead: str = "") -> None:
        """Note that something is not expressed."""
        self.left_out.append(Omission(path, str(value), why, instead))

    def remark(self, text: str) -> None:
        """Note that something differs by rounding, or holds under a condition."""
        if text not in self.remarks:
            self.remarks.append(text)

    def comments(self) -> list[str]:
        """All of it as lines of comments."""
        return [
            *(f"# left out: {omission.told}" for omission in self.left_out),
            *(f"# note: {remark}" for remark in self.remarks),
        ]

    def exported(self, text: str, beside: Policy | None = None) -> Exported:
        """What was written, with this account of it."""
        return Exported(text, tuple(self.left_out), tuple(self.remarks), beside)
