"""An encoder that says a document's labels one after another, as SGM does (Yang et al. 2018), fine-tuned for U updates.

    s_0 = tanh(A pool(H)),  s_t = GRU(e(y_{t-1}), s_{t-1}),  a_t = softmax(s_t B H'),  o_t = tanh(D [s_t; a_t H])
    p(y_t) = softmax(W dropout(o_t)) over the labels and an end,  H the encoder's hidden states

    loss = sum over documents i and t of w_i (-log p(y_t | labels before)) / sum over i of w_i n_i

for the whole batch, however it is split. A target is a document's labels from frequent to rare among the rows it is
trained on (ties by label id), then the end; while it trains nothing is masked. When it answers, labels that were said
are masked in every hypothesis, in the greedy answer and in the beams alike, and no length is preferred. The published
model reads with three BiLSTMs over words of its own, which 165 documents cannot train: here it is a pretrained encoder.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from volfid.core.exits import ParameterError
from volfid.core.seeds import derive_seed
from volfid.training.decoding import Hypothesis, beam_shares, search
from volfid.training.encoder import FineTuning, Lesson, Tuned
from volfid.training.losses import Counts, Loss
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import Pretrained
from volfid.training.verbal import frequency_order

_NOTHING = -100  # a place behind the end of a target


class LabelRules:
    """Label sequences without repeats: tokens 0 to labels - 1, `labels` is the end; at most `most` labels."""

    def __init__(self, labels: int, most: int):
        self.labels, self.most = labels, most

    def start(self) -> Hypothesis:
        return Hypothesis((), 0.0, None, 0)

    def allowed(self, one: Hypothesis) -> list[int]:
        room = len(one.tokens) < self.most
        return [token for token in range(self.labels) if room and not one.used >> token & 1] + [self.labels]

    def extended(self, one: Hypothesis, token: int, log: float) -> Hypothesis:
        if token == self.labels:
            return replace(one, log=one.log + log, done=True)
        return Hypothesis((*one.tokens, token), one.log + log, None, one.used | 1 << token)


class Sequencer(torch.nn.Module):
    """Body, pooling and a decoder over labels; shapes as in the module's formulas, (documents, width) a step."""

    def __init__(self, start: Pretrained, labels: int):
        super().__init__()
        width = start.width
        self.body, self.pool, self.labels = start.body, start.pool, labels
        self.decoder = torch.nn.ModuleDict({
            "label": torch.nn.Embedding(labels + 1, width),  # the last one stands for the begin
            "begin": torch.nn.Linear(width, width), "cell": torch.nn.GRUCell(width, width),
            "look": torch.nn.Linear(width, width, bias=False), "join": torch.nn.Linear(2 * width, width),
            "head": torch.nn.Linear(width, labels + 1),  # the last one is the end
        })  # fmt: skip

    def read(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states (documents, tokens, width) float32."""
        states: torch.Tensor = self.body(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        return states

    def pooled(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pooled hidden states (documents, width)."""
        return self.pool(self.read(ids, mask), mask)

    def begin(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The decoder's state before the first label."""
        return torch.tanh(self.decoder["begin"](self.pool(states, mask)))

    def step(
        self, state: torch.Tensor, said: torch.Tensor, states: torch.Tensor, mask: torch.Tensor,
        drop: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """Logits over labels and end after the label `said` (documents,), and the state then."""
        state = self.decoder["cell"](self.decoder["label"](said), state)
        scores = torch.einsum("nw,ntw->nt", self.decoder["look"](state), states)
        weights = scores.masked_fill(mask == 0, -torch.inf).softmax(1)
        seen = torch.einsum("nt,ntw->nw", weights, states)
        out = torch.tanh(self.decoder["join"](torch.cat([state, seen], 1)))
        return self.decoder["head"](out if drop is None else out * drop), state


class SequenceTuning(FineTuning):
    """One sequencer that is trained for one lesson after another, each from the same start.

    `noted` (texts,): labels in the likeliest answer to each text of the last prediction.
    """

    noted: np.ndarray

    def _network(self) -> torch.nn.Module:
        return Sequencer(self.start, self.labels)

    def _reset(self, lesson: Lesson, truth: np.ndarray) -> None:
        """The fetched weights, a decoder drawn from seeds, and the order of labels in targets."""
        if lesson.head_start != "zero":
            raise ParameterError(f"head start {lesson.head_start!r} means nothing for a sequence", mend="Use zero")
        self.start.restart(derive_seed(lesson.master_seed, "adapters", **lesson.seed))
        rng = torch.Generator().manual_seed(derive_seed(lesson.master_seed, "output_column", **lesson.seed))
        bound = self.start.width**-0.5
        with torch.no_grad():
            for value in self.network.decoder.parameters():
                value.copy_(torch.empty(value.shape).uniform_(-bound, bound, generator=rng))
        self.order = frequency_order(truth, lesson.pool)

    def targets(self, truth: np.ndarray) -> torch.Tensor:
        """Labels in order and the end, (rows, longest) with -100 behind it; `truth` (rows, labels)."""
        rows = [[int(column) for column in self.order if row[column] > 0] + [self.labels] for row in truth]
        goal = np.full((len(rows), max(map(len, rows))), _NOTHING, dtype=np.int64)
        for place, row in enumerate(rows):
            goal[place, : len(row)] = row
        return torch.from_numpy(goal).to(self.start.device)

    def _gradients(
        self, size: int, texts: np.ndarray, truth: np.ndarray, weight: np.ndarray, drop: np.ndarray,
        loss: Loss | None = None, counts: Counts | None = None,
    ) -> None:  # fmt: skip
        """Gradients of one batch, in micro-batches of `size`; weights (rows,) sum to 1."""
        self.network.zero_grad(set_to_none=True)
        goal = self.targets(truth)
        total = float((weight * (goal != _NOTHING).sum(1).cpu().numpy()).sum())
        for start in range(0, len(texts), size):
            part = slice(start, start + size)
            kept, share = (torch.from_numpy(x[part]).to(goal.device) for x in (drop, weight))
            terms = self._terms(texts[part], goal[part], kept)
            (terms.sum(1) * share).sum().div(total).backward()

    def _terms(self, texts: np.ndarray, goal: torch.Tensor, drop: torch.Tensor | None) -> torch.Tensor:
        """-log p of every label and end of the targets, 0 behind them."""
        network = self.network
        ids, mask = self._tokens(texts)
        with self._autocast():
            states = network.read(ids, mask)
        state = network.begin(states, mask)
        said = torch.full_like(goal[:, 0], self.labels)
        logits = []
        for place in range(goal.shape[1]):
            made, state = network.step(state, said, states, mask, drop)
            logits.append(made)
            said = goal[:, place].clamp(min=0)
        return functional.cross_entropy(torch.stack(logits, 2), goal, reduction="none", ignore_index=_NOTHING)

    def sequence_loss(self, tuned: Tuned, texts: np.ndarray, labels: np.ndarray, micro: MicroBatch) -> float:
        """Mean -log p of the targets of these documents (labels in sorted order) under a trained model."""
        self._load(tuned)
        goal = self.targets(labels)
        terms, done = 0.0, 0
        with torch.inference_mode():
            while done < len(texts):
                made = micro.run(lambda size, at=done: self._terms(texts[at : at + size], goal[at : at + size], None))
                terms += float(made.sum())
                done += len(made)
        return terms / float((goal != _NOTHING).sum())

    def predict(self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch) -> np.ndarray:
        """Scores (texts, labels) float32, columns in the order of sorted label ids.

        The score of a label is the sum over the answers found that name it of softmax(log probability); with one beam
        it is the answer itself, 0 or 1.
        """
        found = self._apply(tuned, texts, micro, lambda made: made)
        if not len(texts):
            found = np.zeros((0, self.labels + 1), dtype=np.float32)
        self.noted = found[:, self.labels]
        return found[:, : self.labels]

    def represent(self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch) -> np.ndarray:
        """Pooled vectors (texts, width) float32, of which the first state is made."""
        self._load(tuned)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), micro.size):
                parts.append(self.network.pooled(*self._tokens(texts[start : start + micro.size])).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.start.width), dtype=np.float32)

    def _outputs(self, texts: np.ndarray, output: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Scores of each text, and how many labels its likeliest answer has, (texts, labels + 1)."""
        network, recipe = self.network, self.recipe
        ids, mask = self._tokens(texts)
        with self._autocast():
            states = network.read(ids, mask)
        said = torch.full((len(texts),), self.labels, device=mask.device)
        logits, state = network.step(network.begin(states, mask), said, states, mask)
        live: dict[str, Any] = {"state": state, "document": torch.arange(len(texts), device=mask.device)}

        def step(parents: list[int], tokens: list[int]) -> torch.Tensor:
            chosen = torch.tensor(parents, device=mask.device)
            live["document"] = live["document"][chosen]
            told = torch.tensor(tokens, device=mask.device)
            made, live["state"] = network.step(
                live["state"][chosen], told, states[live["document"]], mask[live["document"]]
            )
            return made

        found = search(logits, step, LabelRules(self.labels, recipe.max_labels), recipe.beams)
        shares = [[*beam_shares(answers, self.labels), len(answers[0].tokens)] for answers in found]
        return np.array(shares, dtype=np.float32)
