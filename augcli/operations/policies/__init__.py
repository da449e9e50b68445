"""The published lists of sub-policies of AutoAugment and Fast AutoAugment, as data beside this
file.

AutoAugment: Cubuk et al., CVPR 2019, arXiv:1805.09501 (the tables of its appendix). Fast
AutoAugment: Lim et al., NeurIPS 2019, arXiv:1905.00397; its lists are MIT-licensed, copyright (c)
2019 Ildoo Kim, as each file says.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Search = Literal["autoaugment", "fast_autoaugment"]
DataSet = Literal["imagenet", "cifar10", "svhn"]


class Step(NamedTuple):
    """An operation of a sub-policy, applied with `probability`.

    `level` is 0..9 in AutoAugment's lists and 0..1 in Fast AutoAugment's; see
    `augcli.operations.magnitudes`.
    """

    name: str
    probability: float
    level: float


SubPolicy = tuple[Step, Step]


@cache
def sub_policies(search: Search, data_set: DataSet) -> tuple[SubPolicy, ...]:
    """The list that `search` published for `data_set`: 25 sub-policies, or Fast AutoAugment's 498,
    493 or 497.

    A sub-policy is drawn uniformly; its two steps apply in order, each with its own probability.
    """
    text = files(__name__).joinpath(f"{search}_{data_set}.json").read_text(encoding="utf-8")
    return tuple(
        (Step(*first), Step(*second)) for first, second in json.loads(text)["sub_policies"]
    )
