"""Data-efficient augmentation: the contract, and the oracles of its specification."""

from automix_search.learned.coreset import DataEfficient
from automix_search.testing.learned import LearnedContract


class TestDataEfficient(LearnedContract):
    learned = DataEfficient(every=1)
    moves = False


class TestErrorsOfTheTraining(LearnedContract):
    learned = DataEfficient(proxy_from="training", proxy="features", every=1, share=0.5)
    moves = False


class TestOnlyTheCoreset(LearnedContract):
    learned = DataEfficient(train_on="coreset", proxy="length", choose="max_loss", share=0.6)
    moves = False


class TestARandomSubset(LearnedContract):
    learned = DataEfficient(train_on="random_subset", choose="random", share=0.6)
    moves = False
