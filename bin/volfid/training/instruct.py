"""A causal LLM with adapters that answers with a document's labels, trained on the tokens of its answers alone.

    loss = sum over documents i and answer tokens t of w_i (-log p(t | prompt, tokens before)) / sum over i of w_i n_i

for the whole batch, however it is split. All prompts begin with the same label list: it is read once for a micro-batch
and its keys and values serve every document, gradients included (with `checkpointing` it is read with every document);
a model that answers reads it once for all documents.

A row of a batch is  list | padding, document, question | answer, padding  so that all answers begin at one place;
positions count real tokens alone, and padding is masked.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from volfid.core.seeds import derive_seed
from volfid.training.adapted import Spoken
from volfid.training.decoding import beam_shares, search
from volfid.training.encoder import FineTuning, Lesson, Tuned
from volfid.training.losses import Counts, Loss
from volfid.training.memory import MicroBatch
from volfid.training.prompts import Speech
from volfid.training.verbal import frequency_order, parse_answer

FLAGS = ("failed", "ids", "unknown", "repeated")  # of each answer, as verbal.Parsed has them


class Writer(torch.nn.Module):
    """The causal LLM under the name that its weights have beside a head."""

    def __init__(self, body: torch.nn.Module):
        super().__init__()
        self.body = body


class InstructTuning(FineTuning):
    """One causal LLM that is trained for one lesson after another, each from the same start.

    `noted` (texts, flags): what the last prediction said of each text's answer.
    """

    speech: Speech
    noted: np.ndarray
    listed: Any = None  # keys and values of the label list, for the model that is loaded

    def _network(self) -> torch.nn.Module:
        self.speech = self.start.speech
        return Writer(self.start.body)

    def _reset(self, lesson: Lesson, truth: np.ndarray) -> None:
        """New adapters, and the order of labels in answers: their frequency in the rows of this lesson."""
        self.listed = None
        self.start.restart(derive_seed(lesson.master_seed, "adapters", **lesson.seed))
        self.order = frequency_order(truth, lesson.pool)

    def _drops(self, rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
        return np.ones((len(places), 0), dtype=np.float32)  # no pooled vector to drop from

    def _gradients(
        self, size: int, texts: np.ndarray, truth: np.ndarray, weight: np.ndarray, drop: np.ndarray,
        loss: Loss | None = None, counts: Counts | None = None,
    ) -> None:  # fmt: skip
        """Gradients of one batch, in micro-batches of `size`; weights (rows,) sum to 1."""
        self.network.zero_grad(set_to_none=True)
        answers = [self._answer(row) for row in truth]
        total = float(sum(w * len(a) for w, a in zip(weight.tolist(), answers, strict=True)))
        for start in range(0, len(texts), size):
            part = slice(start, start + size)
            terms = self.answer_losses(texts[part], answers[part])
            share = torch.from_numpy(weight[part]).to(terms.device)
            (terms.sum(1) * share).sum().div(total).backward()

    def answer_losses(self, texts: np.ndarray, answers: Sequence[Sequence[int]]) -> torch.Tensor:
        """-log p of every answer token, (texts, longest answer) float32; 0 behind the end of an answer."""
        ids, mask = self._rows(texts, self.speech.tail, answers)
        longest = max(map(len, answers))
        kept = longest + 1  # from the last token of the question on
        with self._autocast():
            if self.recipe.checkpointing and self.network.training:
                head = self._head(len(texts))
                logits = self._read(torch.cat([head, ids], 1), mask, None, kept).logits
            else:
                logits = self._read(ids, mask, self._head_cache(len(texts)), kept).logits
        goal = ids[:, -longest:].clone()
        goal[mask[:, -longest:] == 0] = -100
        return functional.cross_entropy(logits[:, :-1].float().transpose(1, 2), goal, reduction="none")

    def answer_loss(self, tuned: Tuned, texts: np.ndarray, labels: np.ndarray, micro: MicroBatch) -> float:
        """Mean -log p of the answer tokens of these documents (labels in sorted order) under a trained model."""
        self._load(tuned)
        answers = [self._answer(row) for row in labels]
        terms, done = 0.0, 0
        with torch.inference_mode():
            while done < len(texts):
                made = micro.run(
                    lambda size, at=done: self.answer_losses(texts[at : at + size], answers[at : at + size]).sum(1)
                )
                terms += float(made.sum())
                done += len(made)
        return terms / sum(map(len, answers))

    def _answer(self, row: np.ndarray) -> list[int]:
        """Tokens of the answer that a row of labels (sorted order) is trained with."""
        return self.speech.answer([int(column) for column in self.order if row[column] > 0])

    # ---- what is read ------------------------------------------------------------------------

    def _rows(
        self, texts: np.ndarray, tail: Sequence[int], answers: Sequence[Sequence[int]] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens behind the list, (texts, width), and the mask of list and row, (texts, list + width)."""
        lengths = self.store.lengths[texts]
        before, after = int(lengths.max()) + len(tail), max(map(len, answers)) if answers else 0
        ids = np.full((len(texts), before + after), self.start.padding, dtype=np.int64)
        real = np.zeros_like(ids)
        for row, (text, length) in enumerate(zip(texts.tolist(), lengths.tolist(), strict=True)):
            answer = answers[row] if answers else ()
            tokens = [*self.store.ids[text, :length].tolist(), *tail, *answer]
            place = slice(before - length - len(tail), before + len(answer))
            ids[row, place], real[row, place] = tokens, 1
        head = np.ones((len(texts), len(self.speech.head)), dtype=np.int64)
        device = self.start.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(np.hstack([head, real])).to(device)

    def _head(self, rows: int) -> torch.Tensor:
        return torch.tensor([list(self.speech.head)] * rows, device=self.start.device)

    def _load(self, tuned: Tuned) -> None:
        if self.loaded is not tuned:
            self.listed = None
        super()._load(tuned)

    def _head_cache(self, rows: int) -> Any:
        """Keys and values of the label list, for every row; gradients flow through them while it trains."""
        if not torch.is_inference_mode_enabled():
            cache = self._read_head()
        else:
            if self.listed is None:
                self.listed = self._read_head()
            cache = deepcopy(self.listed)
        cache.batch_repeat_interleave(rows)
        return cache

    def _read_head(self) -> Any:
        return self.network.body(input_ids=self._head(1), use_cache=True, logits_to_keep=1).past_key_values

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any, kept: int) -> Any:
        """The model's output for the last `ids.shape[1]` places of `mask`, logits of the last `kept` of them."""
        places = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        return self.network.body(
            input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=cache is not None,
            logits_to_keep=kept,
        )  # fmt: skip

    # ---- what is said ------------------------------------------------------------------------

    def predict(self, tuned: Tuned, texts: np.ndarray, micro: MicroBatch) -> np.ndarray:
        """Scores (texts, labels) float32 by the recipe's ranking, columns in the order of sorted label ids."""
        found = self._apply(tuned, texts, micro, lambda made: made)
        if not len(texts):
            found = np.zeros((0, self.labels + len(FLAGS)), dtype=np.float32)
        self.noted = found[:, self.labels :]
        return found[:, : self.labels]

    def _at_once(self, size: int) -> int:
        return max(1, super()._at_once(size) // self.recipe.beams)

    def _outputs(self, texts: np.ndarray, output: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Scores and flags of each text, (texts, labels + flags)."""
        recipe: Spoken = self.recipe
        constrained = recipe.decoding == "constrained"
        opening = self.speech.opening if constrained else ()
        ids, mask = self._rows(texts, [*self.speech.tail, *opening])
        with self._autocast():
            result = self._read(ids, mask, self._head_cache(len(texts)), 1)
            state = {"mask": mask, "cache": result.past_key_values}

            def step(parents: list[int], tokens: list[int]) -> torch.Tensor:
                chosen = torch.tensor(parents, device=mask.device)
                state["cache"].reorder_cache(chosen)
                state["mask"] = functional.pad(state["mask"][chosen], (0, 1), value=1)
                said = torch.tensor(tokens, device=mask.device)[:, None]
                return self._read(said, state["mask"], state["cache"], 1).logits[:, -1]

            rules = self.speech.rules(recipe.decoding, recipe.max_labels)
            found = search(result.logits[:, -1], step, rules, recipe.beams)
            made = np.zeros((len(texts), self.labels + len(FLAGS)), dtype=np.float32)
            for row, answers in enumerate(found):
                if constrained:
                    made[row, : self.labels] = beam_shares(answers, self.labels)
                    made[row, self.labels + 1] = answers[0].used.bit_count()
                    continue
                parsed = parse_answer(self.speech.decoded(answers[0].tokens), self.speech.codes)
                made[row, list(parsed.columns)] = 1
                made[row, self.labels :] = [getattr(parsed, flag) for flag in FLAGS]
            if recipe.ranking == "yes_no":
                asked = np.stack([self._asked(text) for text in texts])
                made[:, : self.labels] = (made[:, : self.labels] + asked) / 2
        return made

    def _asked(self, text: int) -> np.ndarray:
        """Share of yes among yes and no for each label (labels,); list and document are read once for all."""
        ids, mask = self._rows(np.array([text]), ())
        cache = self._read(ids, mask, self._head_cache(1), 1).past_key_values
        ends, count = self.speech.questions, len(self.speech.questions)
        width = max(map(len, ends))
        cache.batch_repeat_interleave(count)
        asked = torch.tensor([[*end, *[self.start.padding] * (width - len(end))] for end in ends], device=ids.device)
        seen = torch.cat([mask.repeat(count, 1), torch.ones_like(asked)], 1)  # what follows a question is not read
        logits = self._read(asked, seen, cache, width).logits
        last = torch.tensor([len(end) - 1 for end in ends], device=ids.device)
        log = torch.log_softmax(logits[torch.arange(count, device=ids.device), last].float(), -1)
        yes, no = (log[:, list(tokens)].logsumexp(1) for tokens in (self.speech.yes, self.speech.no))
        return torch.sigmoid(yes - no).cpu().numpy()
