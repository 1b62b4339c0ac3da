"""The schedules that files can name."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.schedules.base import AbstractSchedule
from automix_search.schedules.knots import Knots
from automix_search.schedules.phases import Trapezoid, WithoutHesitation
from automix_search.schedules.ramps import (
    Cosine,
    Exponential,
    Gaussian,
    Polynomial,
    Ramp,
    Sigmoid,
    Steps,
    Tanh,
)
from automix_search.schedules.switches import Constant, From, Until

SCHEDULES = Family(
    "schedule",
    AbstractSchedule,
    (
        *(Constant, Until, From),
        *(Ramp, Polynomial, Cosine, Tanh, Sigmoid, Gaussian, Exponential, Steps),
        *(Trapezoid, WithoutHesitation),
        Knots,
    ),
)

Schedule = Annotated[AbstractSchedule, SCHEDULES]
