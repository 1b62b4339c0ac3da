"""The gallery: every method on the same pictures."""

from automix_search.report.gallery.exhibits import Exhibit, exhibits
from automix_search.report.gallery.sheet import draw_sheet

__all__ = ["Exhibit", "draw_sheet", "exhibits"]
