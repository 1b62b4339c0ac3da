"""`python -m automix_search.cli`."""

from automix_search.cli.app import main

main()
