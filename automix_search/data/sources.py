"""The built-in data sources, in one explicit tuple."""

from __future__ import annotations

from typing import Annotated

from automix_search.data.base import AbstractDataSource
from automix_search.data.cifar import Cifar10, Cifar100
from automix_search.data.digits import Digits
from automix_search.data.fashion_mnist import FashionMnist
from automix_search.data.function import Function
from automix_search.data.image_folder import ImageFolder
from automix_search.data.mnist_5k import Mnist5k
from automix_search.data.npz import Npz
from automix_search.data.photos import Photos
from automix_search.families import Family

DATASETS = Family(
    "data set",
    AbstractDataSource,
    (Digits, Photos, Mnist5k, FashionMnist, Cifar10, Cifar100, ImageFolder, Npz, Function),
)

DataSource = Annotated[AbstractDataSource, DATASETS]
