"""The command line. What is heavy is imported inside the commands, so that `--help` answers at once."""

from automix_search.cli.app import main

__all__ = ["main"]
