"""The page of a search: one HTML file that needs neither network nor server."""

from automix_search.report.page.build import build_page, write_page

__all__ = ["build_page", "write_page"]
