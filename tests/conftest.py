"""Property tests try the same examples in every run; `--hypothesis-profile=wide` looks for new ones, and for many."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("wide", max_examples=5000, deadline=None)
settings.load_profile("same")
