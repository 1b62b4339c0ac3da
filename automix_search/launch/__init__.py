"""What to search, how, where and how long: the launch file, and everything it names."""

from automix_search.launch.config import LaunchConfig, read_launch
from automix_search.launch.durations import seconds
from automix_search.launch.named import with_change
from automix_search.launch.resolve import Launch, resolve

__all__ = ["Launch", "LaunchConfig", "read_launch", "resolve", "seconds", "with_change"]
