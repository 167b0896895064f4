"""Losses for many rare labels: the entries `losses` of params/recipes.yaml, computed from logits and label counts.

z logits, y labels, p = sigmoid(z), p_t = p where y = 1 else 1 - p; n_k positives of label k among N training rows.

    weighted     y w_k softplus(-z) + (1 - y) softplus(z),  w_k = ((N - n_k) / n_k)^power, at most `cap`
    focal        alpha_t (1 - p_t)^gamma BCE,  alpha_t = alpha where y = 1 else 1 - alpha; 1 without alpha
    asymmetric   y (1 - p)^gamma_pos (-ln p) + (1 - y) p_m^gamma_neg (-ln(1 - p_m)),  p_m = max(p - margin, 0)
    balanced     weight x focal on logits that are shifted by nu_k = kappa ln(N / n_k - 1) and, where y = 0, scaled
                 by lambda (and the term divided by it, where there is a weight: as in the published code)
                 weight class: (1 - beta) / (1 - beta^n_k); weight rebalanced: map_alpha + sigmoid(map_beta (r - mu)),
                 r = (1/n_k) / sum over the labels j of the document of 1/n_j

Sources: Lin 2017, Cui 2019, Ridnik 2021, Wu 2020, Huang 2021; written from the formulas.

Counts are those of the rows that are trained on, copies included (`counts: real`: of the real documents once). They
are kept in [1, N - 1], so that labels of 0 and of N positives have finite terms. Such labels stay in the loss: one that
it left out would keep its first scores, about 0.5. All is computed in float32 at least, whatever the logits are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from volfid.core.exits import ConfigError

Tensor = torch.Tensor
PLAIN = "bce"
HUGE = 1e30
"""Weights end here: single precision has no room for more, and 0 times infinity is not a number."""
FAR, STEEP = 1e6, 1e4
"""Largest factors of a logit or a share, and exponents."""


@dataclass(frozen=True)
class Counts:
    """Label counts of a training set: positives (labels,) in [1, N - 1], documents N, and mu of the rule.

    unseen, everywhere: labels whose count was 0 or N. mu: mean of mean and median of r over all positive pairs.
    """

    positives: Tensor
    documents: int
    unseen: int
    everywhere: int
    mu: float

    @classmethod
    def of(cls, labels: np.ndarray) -> "Counts":
        """Of the rows (rows, labels) binary that are trained on, repeated as they are."""
        found, documents = labels.sum(0, dtype=np.float64), len(labels)
        kept = np.clip(found, 1, max(documents - 1, 1))
        share = labels / np.maximum((labels / kept).sum(1, keepdims=True), 1e-300) / kept
        pairs = share[labels > 0]
        mu = float((pairs.mean() + np.median(pairs)) / 2) if len(pairs) else 0.0
        return cls(
            torch.from_numpy(kept), documents, int((found == 0).sum()),
            int((found == documents).sum()), mu,
        )  # fmt: skip


class Kind(Protocol):
    """A loss: its parameters as fields, and its terms (documents, labels) for logits and labels of that shape."""

    def terms(self, z: Tensor, y: Tensor, counts: Counts) -> Tensor: ...


@dataclass(frozen=True)
class Weighted:
    """BCE whose positive terms weigh more, the rarer the label; cap null: no limit."""

    power: float
    cap: float | None

    def terms(self, z: Tensor, y: Tensor, counts: Counts) -> Tensor:
        """See the module."""
        n = counts.positives.to(z)
        weight = ((counts.documents - n) / n) ** self.power
        weight = weight.clamp(max=HUGE if self.cap is None else min(self.cap, HUGE))
        return y * weight * functional.softplus(-z) + (1 - y) * functional.softplus(z)

    def __post_init__(self) -> None:
        _needed("weighted", power=self.power)
        _allowed("weighted", power=(self.power, -20, 20), cap=(self.cap, 1e-6, math.inf))


@dataclass(frozen=True)
class Focal:
    """Focal loss; alpha null: both classes alike."""

    gamma: float
    alpha: float | None

    def terms(self, z: Tensor, y: Tensor, counts: Counts) -> Tensor:
        """See the module."""
        return _focal(z, y, self.gamma, self.alpha)

    def __post_init__(self) -> None:
        _needed("focal", gamma=self.gamma)
        _allowed("focal", gamma=(self.gamma, 0, STEEP), alpha=(self.alpha, 0, 1))


@dataclass(frozen=True)
class Asymmetric:
    """Asymmetric loss; `detach`: the focusing weight is a constant for the gradient, as in its training script."""

    gamma_pos: float
    gamma_neg: float
    margin: float
    eps: float
    detach: bool

    def terms(self, z: Tensor, y: Tensor, counts: Counts) -> Tensor:
        """See the module."""
        p = torch.sigmoid(z)
        right = torch.where(y > 0, p, (torch.sigmoid(-z) + self.margin).clamp(max=1))
        gamma = self.gamma_pos * y + self.gamma_neg * (1 - y)
        wrong = 1 - right
        # at 0 the derivative of a power below 1 is infinite, and times the 0 beside it not a number: what is right
        # weighs 0 there (1 with gamma 0), without a gradient
        weight = torch.where(wrong > 0, torch.where(wrong > 0, wrong, 1) ** gamma, (gamma == 0).to(z))
        return -(weight.detach() if self.detach else weight) * right.clamp(min=self.eps).log()

    def __post_init__(self) -> None:
        _needed("asymmetric", gamma_pos=self.gamma_pos, gamma_neg=self.gamma_neg, margin=self.margin, eps=self.eps)
        _switch("asymmetric", detach=self.detach)
        at_least_zero = (0, STEEP)
        _allowed("asymmetric", gamma_pos=(self.gamma_pos, *at_least_zero), gamma_neg=(self.gamma_neg, *at_least_zero),
                 margin=(self.margin, 0, 1), eps=(self.eps, 1e-30, 1))  # fmt: skip


@dataclass(frozen=True)
class Balanced:
    """Class-balanced and distribution-balanced losses and their parts.

    weight           none, class (beta) or rebalanced (map_alpha, map_beta, map_mu; map_mu null: the authors' rule)
    kappa, lambda_   of the shift and the scale of negatives; null: neither
    shift_divided    whether the shift is divided by lambda: the first code does, the later one calls it a mistake
    gamma, alpha     of the focal factor; gamma null: none
    """

    weight: str
    beta: float | None = None
    map_alpha: float | None = None
    map_beta: float | None = None
    map_mu: float | None = None
    kappa: float | None = None
    lambda_: float | None = None
    shift_divided: bool = False
    gamma: float | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        needed = {"none": (), "class": ("beta",), "rebalanced": ("map_alpha", "map_beta")}
        if self.weight not in needed or any(getattr(self, name) is None for name in needed[self.weight]):
            raise ConfigError(f"a balanced loss has no weight {self.weight!r} with these parameters")
        if (self.kappa is None) != (self.lambda_ is None):
            raise ConfigError("kappa and lambda_ of a balanced loss belong together")
        _switch("balanced", shift_divided=self.shift_divided)
        _allowed("balanced", gamma=(self.gamma, 0, STEEP), alpha=(self.alpha, 0, 1), beta=(self.beta, 0, 1 - 1e-12),
                 lambda_=(self.lambda_, 1e-6, FAR), kappa=(self.kappa, -FAR, FAR),
                 map_alpha=(self.map_alpha, -FAR, FAR), map_beta=(self.map_beta, -FAR, FAR),
                 map_mu=(self.map_mu, -FAR, FAR))  # fmt: skip

    def terms(self, z: Tensor, y: Tensor, counts: Counts) -> Tensor:
        """See the module."""
        n = counts.positives.to(z)
        weight = self._weight(y, n, counts.mu)
        if self.kappa is not None and self.lambda_ is not None:
            shift = self.kappa * (counts.documents / n - 1).clamp(min=1e-12).log()  # one document alone: no odds
            z = z - (shift / self.lambda_ if self.shift_divided else shift)
            z = torch.where(y > 0, z, self.lambda_ * z)
            if weight is not None:
                weight = torch.where(y > 0, weight, weight / self.lambda_)
        terms = _focal(z, y, self.gamma or 0.0, self.alpha)
        return terms if weight is None else weight * terms

    def _weight(self, y: Tensor, n: Tensor, mu: float) -> Tensor | None:
        """(documents, labels) or (labels,); None without a weight."""
        if self.weight == "class":
            assert self.beta is not None
            wide = n.double() if self.beta > 1 - 1e-6 else n  # so near 1 that single precision would divide by 0
            return ((1 - self.beta) / (1 - self.beta**wide)).to(n)
        if self.weight == "rebalanced":
            assert self.map_alpha is not None and self.map_beta is not None
            # a document without labels has r = infinity, and so the weight map_alpha + 1
            r = ((1 / n) / (y / n).sum(1, keepdim=True)).clamp(max=1e30)
            return self.map_alpha + torch.sigmoid(self.map_beta * (r - (mu if self.map_mu is None else self.map_mu)))
        return None


def _focal(z: Tensor, y: Tensor, gamma: float, alpha: float | None) -> Tensor:
    """alpha_t (1 - p_t)^gamma BCE; 1 - p_t is the sigmoid of the logit turned round, which keeps its small values."""
    turned = torch.where(y > 0, -z, z)
    terms = functional.softplus(turned)
    if 0 < gamma < 1:
        # the derivative of this power is infinite at 0, where a sigmoid ends in single precision; this form's is not
        terms = torch.exp(gamma * functional.logsigmoid(turned)) * terms
    elif gamma:
        terms = torch.sigmoid(turned) ** gamma * terms
    return terms if alpha is None else torch.where(y > 0, alpha, 1 - alpha) * terms


def _allowed(kind: str, **bounds: tuple[float | None, float, float]) -> None:
    """Raises ConfigError naming the first parameter (value, least, most) that lies outside or is no finite number."""
    for name, (value, least, most) in bounds.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and not (number and least <= value <= most):
            limit = f"of {least:g} or more" if math.isinf(most) else f"between {least:g} and {most:g}"
            limit = f"above 0 and of {most:g} or less" if math.isinf(least) else limit
            raise ConfigError(f"{name} of a loss of kind {kind} is {value}", mend=f"Make it a number {limit}")


def _needed(kind: str, **values: float | None) -> None:
    """Raises ConfigError naming the first parameter that is null and may not be."""
    for name, value in values.items():
        if value is None:
            raise ConfigError(f"{name} of a loss of kind {kind} is null", mend="Give a number")


def _switch(kind: str, **values: bool) -> None:
    """Raises ConfigError naming the first parameter that is neither true nor false."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{name} of a loss of kind {kind} is {value!r}", mend="Make it true or false")


KINDS: dict[str, type[Any]] = {
    "weighted": Weighted, "focal": Focal, "asymmetric": Asymmetric, "balanced": Balanced,
}  # fmt: skip
REDUCTIONS = ("mean", "sum", "positives")
COUNTS = ("trained", "real")


@dataclass(frozen=True)
class Loss:
    """A loss as it is trained with.

    factor     of every term
    reduction  mean over documents and labels; sum: the same times documents x labels of the batch (an official scale:
               with a clipped gradient it makes other steps); positives: times documents x labels / positive labels
    counts     trained or real (see the module)
    """

    kind: Kind
    factor: float = 1.0
    reduction: str = "mean"
    counts: str = "trained"

    def scale(self, y: Tensor, weight: Tensor) -> float:
        """What the mean over a whole batch is multiplied by; rows of weight 0 are not there."""
        if self.reduction == "mean":
            return self.factor
        there = y[weight > 0]
        return self.factor * there.numel() / (1 if self.reduction == "sum" else max(float(there.sum()), 1.0))

    def value(self, z: Tensor, y: Tensor, weight: Tensor, counts: Counts, scale: float) -> Tensor:
        """The loss of some rows of a batch: weight (rows,) sums to 1 over the batch, `scale` is that of the batch."""
        if z.dtype in (torch.bfloat16, torch.float16):
            z = z.float()
        terms = self.kind.terms(z, y.to(z), counts)
        return (terms * weight.to(z)[:, None]).sum() * (scale / z.shape[1])


def read_loss(entry: Mapping[str, Any]) -> Loss:
    """The loss of one entry of `losses`. Raises ConfigError for what is unknown, missing or means nothing."""
    values = dict(entry)
    name = values.pop("kind", None)
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f"loss kind {name!r} is unknown", mend=f"Use one of {', '.join(KINDS)}")
    around = {key: values.pop(key) for key in ("factor", "reduction", "counts") if key in values}
    odd = sorted(set(values) - {field.name for field in fields(KINDS[name])})
    try:
        loss = Loss(KINDS[name](**values), **around)
    except TypeError:
        lacking = sorted({field.name for field in fields(KINDS[name])} - set(values))
        raise ConfigError(f"a loss of kind {name!r} has the unknown fields {odd} or lacks some of {lacking}") from None
    _needed(name, factor=loss.factor)
    _allowed(name, factor=(loss.factor, -math.inf, HUGE))
    if loss.reduction not in REDUCTIONS or loss.counts not in COUNTS or loss.factor <= 0:
        raise ConfigError(
            f"a loss with reduction {loss.reduction!r}, counts {loss.counts!r} and factor {loss.factor} means nothing",
            mend=f"Reductions are {', '.join(REDUCTIONS)}, counts {', '.join(COUNTS)}, factors positive",
        )
    return loss
