"""A transformer with a linear head on its pooled output, fine-tuned for U updates: an encoder with all its weights, a
causal LLM with adapters (training/lora.py) and without the bias b.

    p = sigmoid(W dropout(pool(body(text))) + b),  loss = BCE summed over the document x label terms of the
    whole batch, divided by their number (a mean of micro-batch means would weigh a short last one too much, and
    a mean that is not divided by the micro-batches would multiply the gradient, as in transformers 5.23)

Speed: texts are tokenised once; batches are made of texts of similar length and filled up to their own longest;
SDPA attention; bfloat16 autocast on a GPU, with weights, head and loss in float32; one fused AdamW call.

Randomness comes from (master seed, draw, training seed, fold) and never from the arm. The dropout of the pooled
vector is drawn for the batch before it is split, so that micro-batches do not change it.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from volfid.core.exits import DataError, ParameterError
from volfid.core.log import inner
from volfid.core.seeds import derive_seed, generator
from volfid.training.batches import batch_plan, learning_rates
from volfid.training.losses import Counts, Loss
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import Pretrained
from volfid.training.recipes import BodyRecipe, EncoderRecipe
from volfid.training.tokens import TokenStore

_PREDICT = 4  # documents at once without gradients, in micro-batches


@dataclass(frozen=True)
class Lesson:
    """What one model is trained on.

    texts, labels  row in the token store (rows,) and labels (rows, labels) of every training row
    rows           row numbers of an epoch, repeated by multiplicity; with `added` and `order` as in mlp.Head
    updates        U, optimiser updates
    seed           draw, training_seed, fold
    loss, counted  instead of the mean BCE, and the rows whose label counts it uses (None: of all it trains on)
    """

    texts: np.ndarray
    labels: np.ndarray
    label_ids: Sequence[str]
    rows: np.ndarray
    added: np.ndarray | None
    order: str
    updates: int
    head_start: str
    master_seed: int
    seed: Mapping[str, int]
    loss: Loss | None = None
    counted: np.ndarray | None = None

    @property
    def pool(self) -> np.ndarray:
        """All rows it trains on."""
        return self.rows if self.added is None else np.concatenate([self.rows, self.added])


@dataclass(frozen=True)
class Tuned:
    """A trained model: what training moved of it, on the CPU, and what was done. `exposures` (rows,): how often each
    row was shown."""

    state: Mapping[str, torch.Tensor]
    updates: int
    exposures: np.ndarray
    clipped: float


class Network(torch.nn.Module):
    """Body, pooling and head; `drop` (documents, width) scales the pooled vectors."""

    def __init__(self, start: Pretrained, labels: int):
        super().__init__()
        self.body, self.pool = start.body, start.pool
        self.head = torch.nn.Linear(start.width, labels, bias=start.head_bias)

    def pooled(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pooled output, (documents, width) float32."""
        return self.pool(self.body(input_ids=ids, attention_mask=mask).last_hidden_state.float(), mask)

    def forward(self, pooled: torch.Tensor, drop: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (documents, labels), float32."""
        return self.head(pooled if drop is None else pooled * drop)


class FineTuning:
    """One network that is trained for one lesson after another, each from the same start."""

    def __init__(self, start: Pretrained, store: TokenStore, recipe: EncoderRecipe, labels: int):
        self.start, self.store, self.recipe, self.labels = start, store, recipe, labels
        self.network = self._network().to(start.device)
        self.moved = {name for name, value in self.network.named_parameters() if value.requires_grad}
        self.loaded: Tuned | None = None

    def _network(self) -> torch.nn.Module:
        return Network(self.start, self.labels)

    def train(self, lesson: Lesson, micro: MicroBatch) -> Tuned:
        """Train from the start for exactly the lesson's updates. Use one thread: results are then the same."""
        if not len(lesson.rows):
            raise ParameterError("there is no row to train on")
        recipe = self.recipe
        self.loaded = None
        lengths, truth = self.store.lengths[lesson.texts], _truth(lesson)
        rng = generator(lesson.master_seed, "batch_order", **lesson.seed)
        plan, weight = batch_plan(
            lesson.rows, lesson.updates, recipe.batch, rng, lesson.added, lesson.order, lengths, recipe.bucket
        )
        drops = generator(lesson.master_seed, "dropout", **lesson.seed)
        torch.manual_seed(derive_seed(lesson.master_seed, "body_dropout", **lesson.seed))
        self._reset(lesson, truth)
        counted = lesson.pool if lesson.counted is None else lesson.counted
        counts = None if lesson.loss is None else Counts.of(truth[counted])
        shown = np.zeros(len(lesson.texts), dtype=np.int64)

        def gradients(update: int) -> None:
            places = np.flatnonzero(weight[update])
            places = places[np.argsort(lengths[plan[update][places]], kind="stable")]
            rows = plan[update][places]
            batch = lesson.texts[rows], truth[rows], weight[update][places], self._drops(drops, places)
            micro.run(lambda size: self._gradients(size, *batch, lesson.loss, counts))
            np.add.at(shown, rows, 1)

        return self._optimise(lesson.updates, gradients, shown)

    def _drops(self, rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
        """Factors on the pooled vectors (rows, width) of the filled places of a batch."""
        kept = rng.random((self.recipe.batch, self.start.width), dtype=np.float32) >= self.recipe.dropout
        return kept[places].astype(np.float32) / np.float32(1 - self.recipe.dropout)

    def _optimise(self, updates: int, gradients: Callable[[int], None], shown: np.ndarray) -> Tuned:
        """`updates` steps of AdamW; gradients(u) leaves those of update u in the network, and counts what it shows."""
        recipe, network = self.recipe, self.network
        rates = learning_rates(updates, recipe.learning_rate, recipe.warmup_share)
        optimiser = _adamw(network, recipe)
        network.train()
        clipped = 0
        with _deterministic(recipe.deterministic):
            for update in range(updates):
                gradients(update)
                norm = torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
                long = not bool(norm <= recipe.clip)
                if long and not bool(torch.isfinite(norm)):
                    raise DataError(
                        f"training diverged: the loss or its gradient is not finite at update {update + 1}",
                        mend="Lower the learning rate of the recipe, or take another loss",
                    )
                clipped += long
                for group in optimiser.param_groups:
                    group["lr"] = float(rates[update])
                optimiser.step()
                inner.add()
        optimiser.zero_grad(set_to_none=True)
        kept = ((name, value) for name, value in network.state_dict().items() if name in self.moved)
        state = {name: value.detach().to("cpu", copy=True) for name, value in kept}
        self.loaded = Tuned(state, updates, shown, clipped / max(updates, 1))
        return self.loaded

    def predict(self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch) -> np.ndarray:
        """Probabilities (texts, labels) float32, columns in the order of the lesson's sorted label ids."""
        return self._apply(tuned, texts, micro, lambda pooled: torch.sigmoid(self.network(pooled)))

    def represent(self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch) -> np.ndarray:
        """Pooled vectors (texts, width) float32."""
        return self._apply(tuned, texts, micro, lambda pooled: pooled)

    def _reset(self, lesson: Lesson, truth: np.ndarray) -> None:
        """The fetched weights, and a head that starts from seeds with the label ids."""
        network = self.network
        self.start.restart(derive_seed(lesson.master_seed, "adapters", **lesson.seed))
        names = sorted(lesson.label_ids)
        width = self.start.width
        head = np.empty((len(names), width), dtype=np.float32)
        for column, label in enumerate(names):
            start = generator(lesson.master_seed, "output_column", label=label, **lesson.seed)
            head[column] = start.uniform(-1, 1, width) / np.sqrt(width)
        bias = torch.zeros(len(names))
        if lesson.head_start == "prior" and network.head.bias is None:
            raise ParameterError("head_start 'prior' means nothing for a head without bias")
        if lesson.head_start == "prior":
            pool = lesson.pool
            positive = torch.from_numpy(truth[pool].sum(0))
            bias = torch.logit(positive.clamp(min=1) / (len(pool) + 2))
        elif lesson.head_start != "zero":
            raise ParameterError(f"head start {lesson.head_start!r} is unknown", mend="Use zero or prior")
        with torch.no_grad():
            network.head.weight.copy_(torch.from_numpy(head))
            if network.head.bias is not None:
                network.head.bias.copy_(bias)

    def _gradients(
        self, size: int, texts: np.ndarray, truth: np.ndarray, weight: np.ndarray, drop: np.ndarray,
        loss: Loss | None = None, counts: Counts | None = None,
    ) -> None:  # fmt: skip
        """Gradients of one batch, in micro-batches of `size`; weights (rows,) sum to 1."""
        network, device = self.network, self.start.device
        network.zero_grad(set_to_none=True)
        scale = loss.scale(torch.from_numpy(truth), torch.from_numpy(weight)) if loss else 1.0  # of the whole batch
        for start in range(0, len(texts), size):
            part = slice(start, start + size)
            goal, kept, share = (torch.from_numpy(x[part]).to(device) for x in (truth, drop, weight))
            with self._autocast():
                pooled = network.pooled(*self._tokens(texts[part]))
            if loss is not None and counts is not None:
                loss.value(network(pooled, kept), goal, share, counts, scale).backward()
                continue
            terms = functional.binary_cross_entropy_with_logits(network(pooled, kept), goal, reduction="none")
            (terms * share[:, None]).sum().div(terms.shape[1]).backward()

    def _load(self, tuned: Tuned) -> None:
        """Put a trained model back, for prediction."""
        if self.loaded is not tuned:
            self.network.load_state_dict(tuned.state, strict=False)  # what is frozen is there already
            self.loaded = tuned
        self.network.eval()

    def _at_once(self, size: int) -> int:
        """Documents that go through without gradients in place of a micro-batch of `size`."""
        return _PREDICT * size

    def _apply(
        self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch, output: Callable[[torch.Tensor], torch.Tensor]
    ) -> np.ndarray:
        self._load(tuned)
        if not len(texts):
            return np.zeros((0, self.labels), dtype=np.float32)
        unique, place = np.unique(texts, return_inverse=True)
        by_length = unique[np.argsort(-self.store.lengths[unique], kind="stable")]  # too little memory shows at once
        found: dict[int, np.ndarray] = {}
        done = 0
        with torch.inference_mode(), _deterministic(self.recipe.deterministic):
            while done < len(by_length):
                made = micro.run(
                    lambda size, first=done: self._outputs(by_length[first : first + self._at_once(size)], output)
                )
                found.update(zip(by_length[done : done + len(made)].tolist(), made, strict=True))
                done += len(made)
        return np.stack([found[number] for number in unique.tolist()])[place.ravel()]

    def _outputs(self, texts: np.ndarray, output: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        with self._autocast():
            pooled = self.network.pooled(*self._tokens(texts))
        return output(pooled).float().cpu().numpy()

    def _tokens(self, texts: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Token numbers and mask, filled up to the longest of these texts (on a GPU to a multiple of 8)."""
        lengths = self.store.lengths[texts]
        longest = int(lengths.max())
        if self.start.device != "cpu":
            longest = min(-(-longest // 8) * 8, self.store.ids.shape[1])
        ids = torch.from_numpy(self.store.ids[texts, :longest].astype(np.int64))
        mask = torch.from_numpy((np.arange(longest) < lengths[:, None]).astype(np.int64))
        return ids.to(self.start.device), mask.to(self.start.device)

    def _autocast(self) -> Any:
        return torch.autocast(self.start.device, dtype=torch.bfloat16, enabled=self.start.bfloat16)


def _truth(lesson: Lesson) -> np.ndarray:
    """Labels in the order of the sorted label ids, so that the order of the label list changes nothing; float32."""
    return lesson.labels[:, np.argsort(np.asarray(lesson.label_ids), kind="stable")].astype(np.float32)


def _adamw(network: torch.nn.Module, recipe: BodyRecipe) -> torch.optim.AdamW:
    """AdamW that decays matrices alone: no biases, no layer norms."""
    parts = [p for p in network.parameters() if p.requires_grad]
    decayed, plain = ([p for p in parts if (p.ndim > 1) == wide] for wide in (True, False))
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


@contextlib.contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    """Torch's deterministic algorithms inside, what was set before afterwards."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
