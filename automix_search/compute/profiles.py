"""Cluster profiles: where trials run (files of the format `automix-search/cluster/1`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast

from pydantic import Field, TypeAdapter, field_validator

from automix_search.documents import Document, read_yaml
from automix_search.errors import InputError, unknown_name
from automix_search.families import Family, Spec
from automix_search.validation import check_format, validate

Workers = Annotated[int, Field(ge=1)]


class AbstractProfile(Spec):
    """A place where trials run."""

    format: Literal["automix-search/cluster/1"] = "automix-search/cluster/1"


class DebugProfile(AbstractProfile):
    """In this process, one trial after another, without Ray: for debugging, and for the smallest searches."""

    kind: Literal["debug"] = "debug"


@dataclass(frozen=True)
class Layout:
    """How a machine is shared out.

    Attributes:
        workers: Trials at a time.
        threads: Threads of each; workers x threads never exceeds the cores.
    """

    workers: int
    threads: int


class LocalProfile(AbstractProfile):
    """On this machine, by a Ray that is started for the search and ends with it."""

    kind: Literal["local"] = "local"
    workers: Workers | None = Field(None, description="Trials at a time; null: as many as fit.")
    threads_per_worker: Workers | None = Field(None, description="null shares the cores out evenly.")
    object_store_gb: float | None = Field(
        None, gt=0, description="Shared memory for data sets, in gigabytes; null leaves it to Ray."
    )
    dashboard: bool = Field(False, description="Whether to start Ray's dashboard (needs `ray[default]`).")

    def layout(self, cores: int, cpus: float = 1.0, gpus: float = 0.0, machine_gpus: int = 0) -> Layout:
        """Share out `cores` and `machine_gpus` among trials that ask for `cpus` and `gpus` each.

        Raises:
            InputError: The profile, or a single trial, asks for more than the machine has.
        """
        if cpus > cores or gpus > machine_gpus:
            raise InputError(
                f"a trial asks for {cpus:g} cores and {gpus:g} GPUs, but this machine has {cores} and "
                f"{machine_gpus}; lower `resources` of the trainer"
            )
        fits = int(min(cores, cores / cpus)) if cpus > 0 else cores
        fits = int(min(fits, gpu_places(machine_gpus, gpus))) if gpus > 0 else fits
        fits = min(fits, cores // (self.threads_per_worker or 1))
        if fits < max(self.workers or 1, 1):
            raise InputError(
                f"`workers: {self.workers or 1}` with {self.threads_per_worker or 1} threads, {cpus:g} cores "
                f"and {gpus:g} GPUs each is more than this machine's {cores} cores and {machine_gpus} GPUs "
                f"hold; at most {fits} fit"
            )
        workers = self.workers or fits
        threads = self.threads_per_worker or cores // workers
        return Layout(workers, threads)


def gpu_places(machine_gpus: int, gpus: float) -> int:
    """How many trials of `gpus` each fit: a trial's share of a GPU is never spread over two."""
    return machine_gpus * int(1 / gpus + 1e-9) if gpus < 1 else int(machine_gpus / gpus)


class AddressProfile(AbstractProfile):
    """On a Ray cluster that is running already."""

    kind: Literal["address"] = "address"
    address: str | None = Field(
        None, description="`host:port` of the head node, or `auto`; null: the environment's RAY_ADDRESS."
    )
    workers: Workers | None = Field(None, description="Trials at a time; null: as many as fit.")
    shared_runs: bool = Field(
        False,
        description="Whether every node sees the runs folder at the same path; without it, a training that "
        "was cut off starts over instead of going on from its checkpoint.",
    )

    @field_validator("address")
    @classmethod
    def _names_a_head_node(cls, address: str | None) -> str | None:
        if address is not None:
            _check_address(address)
        return address

    def resolve(self, environment: Mapping[str, str]) -> str:
        """The address to connect to.

        Args:
            environment: The process's environment variables.

        Raises:
            InputError: Neither the file nor RAY_ADDRESS gives one, or it is not an address.
        """
        address = self.address or environment.get("RAY_ADDRESS")
        if not address:
            raise InputError(
                "the cluster profile `address` needs to know where Ray runs: set `address: host:port` in the "
                "profile or RAY_ADDRESS in the environment, or use `--cluster local`"
            )
        try:
            _check_address(address)
        except ValueError as error:
            raise InputError(f"RAY_ADDRESS: {error}") from None
        return address


def _check_address(address: str) -> None:
    if address.startswith("ray://"):
        raise ValueError(f"`{address}` is a Ray Client address; start the search on a node, with host:port")
    if address != "auto" and not re.fullmatch(r"[\w.\-]+:\d+|\[[0-9a-fA-F:]+\]:\d+", address):
        raise ValueError(f"`{address}` is not the address of a Ray cluster, which is `auto` or `host:port`")


CLUSTERS = Family("cluster profile", AbstractProfile, (DebugProfile, LocalProfile, AddressProfile))


def load_profile(source: Document | Path | str) -> AbstractProfile:
    """Read a cluster profile from a file or a document.

    Raises:
        InputError: It cannot be read, or is not a cluster profile.
    """
    document = source if isinstance(source, Document) else read_yaml(source)
    check_format(document, "cluster")
    kinds, kind = CLUSTERS.kinds(), document.tree.get("kind")
    if kind is None:
        raise InputError(f"{document.source} does not say its `kind`: one of {', '.join(sorted(kinds))}")
    if not isinstance(kind, str) or kind not in kinds:
        raise InputError(f"{document.where(('kind',))}: {unknown_name(CLUSTERS.noun, str(kind), kinds)}")
    return validate(cast(type[AbstractProfile], kinds[kind]), document)


def profile_schema() -> dict[str, Any]:
    """The JSON Schema of cluster files."""
    profiles = Union[CLUSTERS.members]  # noqa: UP007 - a union of a tuple
    schema = TypeAdapter(Annotated[profiles, Field(discriminator="kind")]).json_schema()
    for profile in schema["$defs"].values():
        profile["required"] = ["format", "kind"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Cluster profile", **schema}
