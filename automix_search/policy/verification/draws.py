"""The draws of a mixed batch: taken from another library, and given to our methods in place of their own."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from automix_search.mixing import Switch
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.mixing.pixels.none import NoMix
from automix_search.mixing.switch import Option
from automix_search.policy.exporters.plain import Chance, Library
from automix_search.randomness import Randomness

Box = tuple[int, int, int, int]
"""First row and the row behind the last, first column and the column behind the last."""


@dataclass(frozen=True)
class Draw:
    """What was drawn for a batch, or for a sample of it.

    Attributes:
        place: The option of the switch; None where nothing is mixed.
        share: The own share as drawn, before a box is cut off at the border.
        centre: Row and column of the middle of the box, where there is one.
        box: The box that the other library made of it.
    """

    place: int | None
    share: float = 1.0
    centre: tuple[int, int] | None = None
    box: Box | None = None


class Replay(Randomness):
    """Gives out draws that were made elsewhere, in the order in which a switch asks for them."""

    def __init__(self) -> None:
        super().__init__(Generator())
        self._queues: dict[str, deque[Tensor]] = defaultdict(deque)

    def put(self, kind: str, values: Sequence[float]) -> None:
        """Queue what the next call of a kind is to give."""
        self._queues[kind].append(torch.tensor(values, dtype=torch.float64))

    def choice(self, chances: Sequence[float], count: int) -> Tensor:
        return self._queues["choice"].popleft().long()

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        return self._queues["beta"].popleft().float()

    def below(self, limit: int, count: int, like: Tensor) -> Tensor:
        return self._queues["below"].popleft().long()

    def uniform(self, count: int, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return self._queues["uniform"].popleft() * (high - low) + low


class CutThere(CutMix):
    """CutMix that cuts boxes that are given, and tells how far they are from those it would have made."""

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        return _given(super().boxes(pairs, draws, random), random)


class CutMinMaxThere(CutMixMinMax):
    """The same of CutMix with boxes of drawn sides."""

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        return _given(super().boxes(pairs, draws, random), random)


class BoxReplay(Replay):
    """A replay that also gives boxes, and remembers how far apart they were.

    Attributes:
        farthest: The largest distance of an edge so far, in pixels.
    """

    def __init__(self, boxes: Sequence[Box]) -> None:
        super().__init__()
        self._boxes = list(boxes)
        self.farthest = 0

    def given(self, own: Boxes) -> Boxes:
        """The boxes that are given in place of our own."""
        edges = torch.tensor(self._boxes).T
        given = Boxes(edges[[0, 2]], edges[[1, 3]], own.size)
        apart = torch.cat((given.start - own.start, given.stop - own.stop)).abs()
        self.farthest = max(self.farthest, int(apart.max()))
        return given


def _given(own: Boxes, random: Randomness) -> Boxes:
    assert isinstance(random, BoxReplay)
    return random.given(own)


def expressed(mix: Switch, chances: Sequence[Chance], library: Library) -> Switch:
    """The switch with only that which the library can do: other options mix nothing."""
    methods = {each.place: each.method.model_copy(update={"field_schedules": {}}) for each in chances}
    options = tuple(
        Option(weight=option.weight, method=methods.get(place, NoMix()))
        for place, option in enumerate(mix.options)
    )
    per = mix.per if library.per_sample else "batch"
    return Switch(probability=mix.probability, per=per, partner=library.partner[0](), options=options)


def there(mix: Switch) -> Switch:
    """The switch with methods that cut where they are told to."""
    options = []
    for option in mix.options:
        method = option.method
        if isinstance(method, CutMix):
            method = CutThere(alpha=method.alpha)
        elif isinstance(method, CutMixMinMax):
            method = CutMinMaxThere(smallest=method.smallest, largest=method.largest)
        options.append(Option(weight=option.weight, method=method))
    return mix.model_copy(update={"options": tuple(options)})


def replay_of(draws: Sequence[Draw], mix: Switch, size: tuple[int, int]) -> BoxReplay:
    """A replay of the draws of one batch: one for all of it, or one for each sample."""
    kept = [place for place, option in enumerate(mix.options) if option.weight > 0]
    if len(kept) == 1 and mix.probability == 1:
        draws = [Draw(kept[0], 1.0, (0, 0), (0, 0, 0, 0)) if draw.place is None else draw for draw in draws]
    replay = BoxReplay([draw.box for draw in draws if draw.box is not None])
    replay.put("choice", [len(kept) if draw.place is None else kept.index(draw.place) for draw in draws])
    for place in kept:
        mine = [draw for draw in draws if draw.place == place]
        if mine:
            _put(replay, mine, mix.options[place].method, size)
    return replay


def _put(replay: Replay, draws: Sequence[Draw], method: object, size: tuple[int, int]) -> None:
    """Queue the draws of one method in the order in which it asks for them."""
    if isinstance(method, CutMixMinMax):
        for axis in (0, 1):
            lowest = int(size[axis] * method.smallest)
            starts, stops = zip(
                *((draw.box or (0,) * 4)[2 * axis : 2 * axis + 2] for draw in draws), strict=True
            )
            lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
            replay.put("below", [length - lowest for length in lengths])
            room = [size[axis] - length + 1 for length in lengths]
            replay.put("uniform", [(start + 0.5) / free for start, free in zip(starts, room, strict=True)])
        return
    replay.put("beta", [draw.share for draw in draws])
    if isinstance(method, CutMix):
        for axis in (0, 1):
            replay.put("below", [(draw.centre or (0, 0))[axis] for draw in draws])
