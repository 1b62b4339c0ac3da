"""AdaMixUp: the region that a pair of images may be mixed in is learned."""

from automix_search.learned.adamixup.policy import AdaMixUp

__all__ = ["AdaMixUp"]
