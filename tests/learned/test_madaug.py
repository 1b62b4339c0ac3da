"""MADAug and AdaAug: the contract, and the oracles of their specification."""



from automix_search.learned.madaug import AdaAug, MADAug
from automix_search.testing.learned import LearnedContract

FEW = ("rotate", "solarize", "color", "cutout", "flip", "identity")


class TestMADAug(LearnedContract):
    learned = MADAug(update_every=1)


class TestMADAugByFiniteDifferences(LearnedContract):
    learned = MADAug(update="finite_difference", operations=FEW, policy_layers=2, update_every=2)


class TestMADAugByAlignment(LearnedContract):
    learned = MADAug(update="alignment", operations=FEW, magnitude_gradient="exact", temperature=1.0)


class TestCheapMADAug(LearnedContract):
    learned = MADAug(
        update="last_layer", operators_per_update=4, look_pool=2, update_batch_size=16, search_batch_size=16
    )


class TestAdaAug(LearnedContract):
    learned = AdaAug(update_every=1, learn_until=1.0)


class TestAdaAugOfFewOperators(LearnedContract):
    learned = AdaAug(
        operations=FEW, operators_per_update=3, magnitude_gradient="exact", operations_per_image=4
    )
