"""Schedules: functions of training progress in [0, 1] that scale a probability or another number."""

from automix_search.schedules.base import AbstractSchedule
from automix_search.schedules.knots import MOST_KNOTS, Knots
from automix_search.schedules.methods import SCHEDULES, Schedule
from automix_search.schedules.phases import Trapezoid, WithoutHesitation
from automix_search.schedules.ramps import (
    AbstractRamp,
    Cosine,
    Exponential,
    Gaussian,
    Polynomial,
    Ramp,
    Sigmoid,
    Steps,
    Tanh,
)
from automix_search.schedules.scheduled import Scheduled
from automix_search.schedules.switches import Constant, From, Until

__all__ = [
    "MOST_KNOTS",
    "SCHEDULES",
    "AbstractRamp",
    "AbstractSchedule",
    "Constant",
    "Cosine",
    "Exponential",
    "From",
    "Gaussian",
    "Knots",
    "Polynomial",
    "Ramp",
    "Schedule",
    "Scheduled",
    "Sigmoid",
    "Steps",
    "Tanh",
    "Trapezoid",
    "Until",
    "WithoutHesitation",
]
