"""Search spaces: policies with holes, their suggestions, and the check of every corner."""

from automix_search.spaces.files import dump_space, load_space, read_space, space_of
from automix_search.spaces.holes import Suggester
from automix_search.spaces.space import Candidate, Parameter, Space

__all__ = [
    "Candidate",
    "Parameter",
    "Space",
    "Suggester",
    "dump_space",
    "load_space",
    "read_space",
    "space_of",
]
