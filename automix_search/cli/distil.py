"""`automix-search distil`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automix_search.cli.output import console


def distil(
    policy: Annotated[Path, typer.Argument(help="A learned policy, as a search or `export` wrote it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write to.")],
    space: Annotated[
        bool, typer.Option("--space", help="Write a search space around it instead of the policy.")
    ] = False,
    width: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, help="How far each range of the space reaches, as a part of the whole."
        ),
    ] = 0.25,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write what a policy has learned as a plain policy without weights, or as a search space around that.

    Its curriculum becomes a schedule, its operators become a table of probabilities and strengths.

    Example: automix-search distil runs/demo/policy.yaml --space -o search_spaces/around.yaml
    """
    from automix_search.documents import Document, to_yaml, write_atomically
    from automix_search.errors import InputError
    from automix_search.policy import load_policy, save_policy
    from automix_search.policy.summary import summary
    from automix_search.spaces import read_space
    from automix_search.spaces.around import space_around

    if output.exists() and not force:
        raise InputError(f"{output} exists already; give another file with -o, or --force")
    learned = load_policy(policy)
    static = learned.static()
    if space:
        tree = space_around(static, width=width, untouched=len(learned.transform.batch))
        if read_space(Document(tree, str(output))).is_point:
            raise InputError(
                f"what {policy} does on average has no number to search around: {summary(static)}"
            )
        write_atomically(output, to_yaml(tree))
        console().print(f"{output}: search it with `automix-search launch --space {output}`", markup=False)
        return
    save_policy(static, output)
    console().print(f"{output}: {summary(static)}", markup=False)
    if summary(static) == summary(learned.model_copy(update={"learned": None})):
        note = (
            f"note: what {policy} has learned does nothing on average, so nothing of it is left in {output}"
        )
        console(stderr=True).print(note, markup=False, soft_wrap=True)
