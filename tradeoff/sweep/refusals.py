"""What a plan refuses before anything is measured: a recipe, weights and data that do not go together.

Every function raises InputError where they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from tradeoff.data import Description
from tradeoff.errors import InputError
from tradeoff.networks import build
from tradeoff.training.batches import Shares
from tradeoff.training.frozen import freeze_trunk
from tradeoff.training.recipe import Recipe
from tradeoff.variants import Variant
from tradeoff.variants.custom import CustomVariant
from tradeoff.weights.checkpoints import Weights


def refuse_uneven_shares(recipe: Recipe, description: Description, folds: Iterable[int], processes: int) -> None:
    """A step's clips have to be divided evenly among the processes and micro-batches."""
    for fold in folds:
        clips = description.split_sizes(fold)[0]
        Shares(recipe.accumulate, processes).of(min(recipe.batch, clips))


def refuse_unprobed(variants: Sequence[Variant]) -> None:
    """A probe trains a linear last layer, which a network of the user's own may lack."""
    for variant in variants:
        if isinstance(variant, CustomVariant):
            try:
                with torch.device("meta"):
                    freeze_trunk(build(variant), variant.classes)
            except InputError as error:
                raise InputError(f"variant {variant.name}: {error}") from error
            except Exception:  # one that cannot be built is noted as failed, and stops no other
                continue


def refuse_untrained_heads(weights: Weights, variants: Sequence[Variant]) -> None:
    """Without training, weights give logits of the classes that they were trained on."""
    for variant in variants:
        if variant.classes != weights.variant.classes:
            raise InputError(
                f"weights {weights.origin} tell {weights.variant.classes} classes apart and the data set has "
                f"{variant.classes}: give a recipe (train: ...) to train a head for them"
            )


def refuse_other_labels(weights: Weights, description: Description) -> None:
    """Logits of other classes, or in another order, would be graded as if they were the data's."""
    pairs = zip(weights.labels, description.classes, strict=False)
    if odd := [(own, other) for own, other in pairs if own != other]:
        raise InputError(
            f"weights {weights.origin} were trained to tell {odd[0][0]!r} where data set {description.name} has "
            f"{odd[0][1]!r}: evaluate them on the classes that they were trained on, in the same order"
        )
