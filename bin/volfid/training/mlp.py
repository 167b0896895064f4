"""A one-hidden-layer head on frozen embeddings; several independent heads are trained at once.

    p = sigmoid(W2^T dropout(gelu(W1^T x + b1)) + b2),  loss = mean BCE over batch and labels

The heads of one call (folds, points of a grid) are stacked and go through the same batched matrix
products; each has its own rows, order, dropout, learning rates and clipping. A head that has made
its updates leaves the stack. Gradients are written out: the input needs none, which is a third of
the work that automatic differentiation would do.

Randomness comes from (master seed, draw, training seed, fold) and never from the arm: arms of one
pair start equal. Output columns start from a seed with the label id, and columns are trained in the
order of the ids, so that the order of the label list changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch.nn import functional

from volfid.core.exits import DataError, ParameterError
from volfid.core.log import inner
from volfid.core.seeds import derive_seed, generator
from volfid.training.batches import batch_plan, learning_rates
from volfid.training.losses import Counts, Loss
from volfid.training.recipes import MlpRecipe

_KINDS = ((0, 2), (1, 3))  # weights, biases
_DROPOUT_BLOCK = 32  # updates whose dropout masks are drawn at once


@dataclass(frozen=True)
class Head:
    """One head of a stack.

    rows      row numbers of an epoch (into the vectors given), repeated by multiplicity
    added     None, or the added rows when batches tell them from the real ones (then `rows` are the real)
    order     how they do: half_real or curriculum
    updates   U, optimiser updates
    fold      fold that is left out; -1 for the fit on all rows
    counted   rows whose label counts the loss uses; None for those of `pool`
    """

    rows: np.ndarray
    updates: int
    fold: int
    added: np.ndarray | None = None
    order: str = "half_real"
    counted: np.ndarray | None = None

    @property
    def pool(self) -> np.ndarray:
        """All rows it trains on."""
        return self.rows if self.added is None else np.concatenate([self.rows, self.added])


@dataclass(frozen=True)
class MlpStack:
    """Trained heads: weights (heads, in, out) and biases (heads, 1, out), float32.

    `updates` (heads,): updates made; `exposures` (heads, rows): how often each row was in a batch; `clipped`
    (heads,): share of the updates whose gradient was clipped.
    """

    w1: torch.Tensor
    b1: torch.Tensor
    w2: torch.Tensor
    b2: torch.Tensor
    updates: np.ndarray
    exposures: np.ndarray
    clipped: np.ndarray

    def represent(self, head: int, vectors: np.ndarray) -> np.ndarray:
        """Hidden layer of one head, shape (documents, hidden), float32."""
        with torch.inference_mode():
            return functional.gelu(torch.from_numpy(vectors) @ self.w1[head] + self.b1[head]).numpy()

    def predict(self, head: int, vectors: np.ndarray) -> np.ndarray:
        """Probabilities of one head, shape (documents, labels), float32."""
        with torch.inference_mode():
            hidden = torch.from_numpy(self.represent(head, vectors))
            return torch.sigmoid(hidden @ self.w2[head] + self.b2[head]).numpy()


def fit_mlp(
    vectors: np.ndarray, labels: np.ndarray, label_ids: Sequence[str], heads: Sequence[Head],
    recipe: MlpRecipe, head_start: str, master_seed: int, draw: int, training_seed: int,
    monitor: Callable[[int, Callable[[], MlpStack]], bool] | None = None, loss: Loss | None = None,
) -> MlpStack:  # fmt: skip
    """Train `heads` on vectors (rows, dimensions) float32 and labels (rows, labels) binary.

    head_start  zero: output biases start at 0; prior: at logit(max(n_k, 1) / (N + 2)) of the head's rows
    monitor     called after every update with the updates made and a function that gives the heads as they
                are now; training ends when it returns True
    loss        instead of the mean BCE
    Raises DataError for a head without rows, or when a gradient is not finite.
    Use one thread: results are then the same on every call.
    """
    if any(not len(head.rows) for head in heads):
        raise DataError("there is no row to train on")
    if head_start not in ("zero", "prior"):
        raise ParameterError(f"head start {head_start!r} is unknown", mend="Use zero or prior")
    seeds = [{"draw": draw, "training_seed": training_seed, "fold": head.fold} for head in heads]
    columns = np.argsort(np.asarray(label_ids), kind="stable")
    sequence = sorted(range(len(heads)), key=lambda i: -heads[i].updates)  # finished heads leave at the end
    stack = _Stack(
        torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)),
        torch.from_numpy(labels[:, columns].astype(np.float32)),
        [label_ids[c] for c in columns], [heads[i] for i in sequence], [seeds[i] for i in sequence],
        recipe, head_start, master_seed, loss,
    )  # fmt: skip
    back = np.argsort(sequence)
    label_back = np.argsort(columns)

    def now() -> MlpStack:
        w1, b1, w2, b2 = (tensor[back] for tensor in stack.parameters)
        share = stack.clipped / np.maximum(stack.made, 1)
        outputs = w2[:, :, label_back], b2[:, :, label_back]
        return MlpStack(w1, b1, *outputs, stack.made[back], stack.exposures[back], share[back])

    with torch.inference_mode():
        for update in range(max(head.updates for head in heads)):
            stack.step(update)
            inner.add()
            if monitor is not None and monitor(update + 1, now):
                break
        return now()


class _Stack:
    """Parameters, moments and schedules of the heads, longest first."""

    def __init__(
        self, x: torch.Tensor, y: torch.Tensor, label_ids: Sequence[str], heads: Sequence[Head],
        seeds: Sequence[dict[str, int]], recipe: MlpRecipe, head_start: str, master_seed: int, loss: Loss | None,
    ):  # fmt: skip
        self.x, self.y, self.heads, self.recipe = x, y, heads, recipe
        self.parameters = _initial(x.shape[1], recipe.hidden, label_ids, seeds, master_seed)
        if head_start == "prior":
            for i, head in enumerate(heads):
                rows = y[torch.from_numpy(head.pool)]
                self.parameters[3][i, 0] = torch.logit(rows.sum(0).clamp(min=1) / (len(rows) + 2))
        plans = []
        for head, seed in zip(heads, seeds, strict=True):
            rng = generator(master_seed, "batch_order", **seed)
            plans.append(batch_plan(head.rows, head.updates, recipe.batch, rng, head.added, head.order))
        self.plans = [(torch.from_numpy(plan), torch.from_numpy(weight)) for plan, weight in plans]
        self.rates = [learning_rates(h.updates, recipe.learning_rate, recipe.warmup_share) for h in heads]
        self.dropout = [np.random.default_rng(derive_seed(master_seed, "dropout", **seed)) for seed in seeds]
        self.first, self.second, self.gradients = (
            [torch.zeros_like(p) for p in self.parameters] for _ in range(3)
        )  # fmt: skip
        self.clock = [torch.zeros(()) for _ in heads]
        self.groups = self._groups()
        self.made, self.clipped = (np.zeros(len(heads), dtype=np.int64) for _ in range(2))
        self.loss = loss
        self.counts = [] if loss is None else [
            Counts.of(y[torch.from_numpy(h.pool if h.counted is None else h.counted)].numpy()) for h in heads
        ]  # fmt: skip

    @property
    def exposures(self) -> np.ndarray:
        """How often each row was in a batch of the updates made, shape (heads, rows)."""
        counts = []
        for (plan, weight), made in zip(self.plans, self.made, strict=True):
            rows = plan[:made][weight[:made] > 0].numpy()
            counts.append(np.bincount(rows, minlength=len(self.x)))
        return np.stack(counts)

    def step(self, update: int) -> None:
        """One optimiser update of every head that has any left."""
        active = sum(head.updates > update for head in self.heads)
        rows = torch.stack([plan[update] for plan, _ in self.plans[:active]])
        weight = torch.stack([weight[update] for _, weight in self.plans[:active]])
        x = self.x[rows]
        w1, b1, w2, b2 = (p[:active] for p in self.parameters)
        mask = self._mask(update, active)
        inner = torch.baddbmm(b1, x, w1)
        hidden = functional.gelu(inner).mul_(mask)
        logits = torch.baddbmm(b2, hidden, w2)
        # d loss / d logits of the mean over batch and labels
        if self.loss is None:
            wrong = torch.sigmoid_(logits).sub_(self.y[rows]).mul_(weight[:, :, None] / self.y.shape[1])
        else:
            wrong = self._wrong(self.loss, logits, self.y[rows], weight)
        g_w1, g_b1, g_w2, g_b2 = (g[:active] for g in self.gradients)
        torch.bmm(hidden.transpose(1, 2), wrong, out=g_w2)
        torch.sum(wrong, 1, keepdim=True, out=g_b2)
        back = torch.ops.aten.gelu_backward(torch.bmm(wrong, w2.transpose(1, 2)).mul_(mask), inner)
        torch.bmm(x.transpose(1, 2), back, out=g_w1)
        torch.sum(back, 1, keepdim=True, out=g_b1)
        self._clip(active)
        for first, tensors, clock in self.groups:
            if first < active:
                self._adamw(tensors, clock, float(self.rates[first][update]))
        self.made[:active] += 1

    def _wrong(self, loss: Loss, logits: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """d loss / d logits of every active head, each with its own label counts."""
        with torch.inference_mode(False), torch.enable_grad():
            z, y, weight = (tensor.clone() for tensor in (logits, y, weight))
            z.requires_grad_()
            parts = [
                loss.value(*head, counts, loss.scale(head[1], head[2]))
                for *head, counts in zip(z, y, weight, self.counts[: len(z)], strict=True)
            ]
            (found,) = torch.autograd.grad(torch.stack(parts).sum(), z)
        return found

    def _mask(self, update: int, active: int) -> torch.Tensor:
        """Dropout masks (active, batch, hidden): 0 or 1 / (1 - rate)."""
        place = update % _DROPOUT_BLOCK
        if place == 0:
            shape = (_DROPOUT_BLOCK, self.recipe.batch, self.recipe.hidden)
            draws = np.stack([rng.random(shape, dtype=np.float32) for rng in self.dropout[:active]])
            kept = torch.from_numpy(draws) >= self.recipe.dropout
            self.masks = kept.to(torch.float32).div_(1 - self.recipe.dropout)
        return self.masks[:active, place]

    def _clip(self, active: int) -> None:
        """Scale each head's whole gradient to norm `clip` where it is longer. Raises DataError for no number."""
        norm = torch.stack([torch.linalg.vector_norm(g[:active], dim=(1, 2)) for g in self.gradients])
        norm = torch.linalg.vector_norm(norm, dim=0)
        if not bool((norm <= self.recipe.clip).all()):
            if not bool(torch.isfinite(norm).all()):
                raise DataError(
                    f"training diverged: the loss or its gradient is not finite at update {int(self.made[0]) + 1}",
                    mend="Lower the learning rate of the recipe, or take another loss",
                )
            self.clipped[:active] += (norm > self.recipe.clip).numpy()
            factor = (self.recipe.clip / norm).clamp(max=1)[:, None, None]
            for gradient in self.gradients:
                gradient[:active].mul_(factor)

    def _groups(self) -> list[tuple[int, list, list]]:
        """Heads with equal updates: (first head, views of their tensors for each kernel call, their clocks).

        They have one learning rate at every update, and the kernel takes many tensors at once.
        """
        numbers = range(len(self.heads))
        groups = []
        for _, members in groupby(numbers, key=lambda i: self.heads[i].updates):
            listed = list(members)
            tensors = [
                [[group[k][i] for i in listed for k in kinds]
                 for group in (self.parameters, self.gradients, self.first, self.second)]
                for kinds in _KINDS
            ]  # fmt: skip
            groups.append((listed[0], tensors, [self.clock[i] for i in listed]))
        return groups

    def _adamw(self, tensors: list, clock: list[torch.Tensor], rate: float) -> None:
        """AdamW (decoupled decay on weights, none on biases), one group; the kernel behind torch.optim."""
        for step in clock:
            step += 1
        for parts, decay in zip(tensors, (self.recipe.weight_decay, 0.0), strict=True):
            torch._fused_adamw_(
                *parts, [], [step for step in clock for _ in range(2)], lr=rate, beta1=0.9, beta2=0.999,
                weight_decay=decay, eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip


def _initial(
    inputs: int, hidden: int, label_ids: Sequence[str], seeds: Sequence[dict[str, int]], master_seed: int
) -> list[torch.Tensor]:
    """W1, b1, W2, b2 of every head, uniform in +-1/sqrt(fan-in) as torch.nn.Linear; output biases 0."""
    w1 = np.empty((len(seeds), inputs, hidden), dtype=np.float32)
    b1 = np.empty((len(seeds), 1, hidden), dtype=np.float32)
    w2 = np.empty((len(seeds), hidden, len(label_ids)), dtype=np.float32)
    for i, seed in enumerate(seeds):
        if seed in seeds[:i]:  # points of a grid share their fold's start
            same = seeds.index(seed)
            w1[i], b1[i], w2[i] = w1[same], b1[same], w2[same]
            continue
        rng = generator(master_seed, "hidden_layer", **seed)
        w1[i] = rng.uniform(-1, 1, w1.shape[1:]) / np.sqrt(inputs)
        b1[i] = rng.uniform(-1, 1, b1.shape[1:]) / np.sqrt(inputs)
        for column, label in enumerate(label_ids):
            start = generator(master_seed, "output_column", label=label, **seed)
            w2[i, :, column] = start.uniform(-1, 1, hidden) / np.sqrt(hidden)
    b2 = np.zeros((len(seeds), 1, len(label_ids)), dtype=np.float32)
    return [torch.from_numpy(array) for array in (w1, b1, w2, b2)]
