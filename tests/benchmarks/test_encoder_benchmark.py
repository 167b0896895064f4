"""Fine-tuning an encoder against transformers.Trainer with fixed padding: one recipe, one run, processor time."""

import time

import numpy as np
import pytest
import torch
from helpers.tiny_encoder import make_encoder
from threadpoolctl import threadpool_limits
from training_world import RECIPES

from volfid.training.encoder import FineTuning, Lesson
from volfid.training.memory import MicroBatch
from volfid.training.metrics import ap_micro
from volfid.training.pretrained import Pretrained, load_encoder
from volfid.training.recipes import EncoderRecipe, read_recipe
from volfid.training.tokens import TokenStore, token_store

pytestmark = pytest.mark.benchmark
LABELS, LONGEST, UPDATES, SEEDS = 8, 128, 80, 2
WORDS = [f"w{i:03d}" for i in range(200)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def corpus(count: int) -> tuple[list[dict], np.ndarray]:
    """Texts with the spread of lengths of first claims (median 45 words, a tenth at the cut); labels have words."""
    rng = np.random.default_rng(5)
    truth = rng.random((count, LABELS)) < 0.25
    rows = []
    for i, marked in enumerate(truth):
        topic = [WORDS[3 * k + rng.integers(3)] for k in np.flatnonzero(marked) for _ in range(3)]
        length = int(np.clip(rng.lognormal(3.6, 0.7), 4, 140))
        rows.append(
            {"doc_id": f"d{i:03d}", "text": " ".join(rng.permutation([*topic, *rng.choice(WORDS[24:], length)]))}
        )
    return rows, truth


def ours(start: Pretrained, store: TokenStore, recipe: EncoderRecipe, truth: np.ndarray, train: int, seed: int):
    made = FineTuning(start, store, recipe, LABELS)
    lesson = Lesson(
        texts=np.array([store.row[f"d{i:03d}"] for i in range(train)]), labels=truth[:train].astype(np.uint8),
        label_ids=[f"L{k}" for k in range(LABELS)], rows=np.arange(train), added=None, order="half_real",
        updates=UPDATES, head_start="prior", master_seed=seed, seed={"draw": 0, "training_seed": seed, "fold": -1},
    )  # fmt: skip
    micro = MicroBatch("benchmark", recipe.micro_batch)
    model = made.train(lesson, micro)
    tests = np.array([store.row[f"d{i:03d}"] for i in range(train, len(truth))])
    return ap_micro(truth[train:], made.predict(model, tests, micro))


class Peer(torch.nn.Module):
    """The same network in the form that Trainer wants."""

    def __init__(self, start: Pretrained, recipe: EncoderRecipe, shares: np.ndarray):
        super().__init__()
        start.body.load_state_dict(start.start)
        self.body, self.pool = start.body, start.pool
        self.dropout, self.head = torch.nn.Dropout(recipe.dropout), torch.nn.Linear(start.width, LABELS)
        with torch.no_grad():
            self.head.bias.copy_(torch.logit(torch.from_numpy(shares)))

    def forward(self, input_ids, attention_mask, labels):
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits = self.head(self.dropout(self.pool(hidden, attention_mask)))
        return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}


def trainer(start: Pretrained, store: TokenStore, recipe: EncoderRecipe, truth: np.ndarray, train: int, seed: int, out):
    import transformers

    def rows(numbers) -> list[dict]:
        found = []
        for i in numbers:
            text = store.row[f"d{i:03d}"]
            ids = np.full(LONGEST, start.padding, dtype=np.int64)
            ids[: store.ids.shape[1]] = store.ids[text]
            mask = (np.arange(LONGEST) < store.lengths[text]).astype(np.int64)
            found.append({"input_ids": ids, "attention_mask": mask, "labels": truth[i].astype(np.float32)})
        return found

    torch.manual_seed(seed)
    shares = np.maximum(truth[:train].sum(0), 1) / (train + 2)
    peer = Peer(start, recipe, shares.astype(np.float32))
    arguments = transformers.TrainingArguments(
        output_dir=str(out), max_steps=UPDATES, per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=4 * recipe.batch, learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay, warmup_steps=int(np.ceil(recipe.warmup_share * UPDATES)),
        max_grad_norm=recipe.clip, seed=seed, data_seed=seed, use_cpu=True, save_strategy="no", logging_strategy="no",
        report_to=[], disable_tqdm=True, dataloader_num_workers=0,
    )  # fmt: skip
    made = transformers.Trainer(model=peer, args=arguments, train_dataset=rows(range(train)))
    made.train()
    logits = made.predict(rows(range(train, len(truth)))).predictions
    return ap_micro(truth[train:], 1 / (1 + np.exp(-np.asarray(logits))))


def test_fine_tuning_is_faster_than_trainer_with_fixed_padding_and_scores_the_same(tmp_path, capsys):
    entry = make_encoder(
        tmp_path, WORDS, width=128, num_hidden_layers=4, intermediate_size=512, max_position_embeddings=LONGEST
    )
    recipe = read_recipe({**RECIPES["encoder"], "max_tokens": LONGEST, "learning_rate": 1e-3})
    start = load_encoder(entry | {"max_tokens": LONGEST}, tmp_path, recipe)
    documents, truth = corpus(400)
    store = token_store(documents, start.tokenise, start.padding)
    seconds, scores = {"ours": 0.0, "trainer": 0.0}, {"ours": [], "trainer": []}
    for seed in range(SEEDS):
        for name, work in (
            ("ours", lambda seed=seed: ours(start, store, recipe, truth, 240, seed)),
            ("trainer", lambda seed=seed: trainer(start, store, recipe, truth, 240, seed, tmp_path)),
        ):
            started = time.process_time()
            scores[name].append(work())
            seconds[name] += time.process_time() - started
    ratio = seconds["trainer"] / seconds["ours"]
    with capsys.disabled():
        each = {name: round(total / SEEDS / UPDATES, 3) for name, total in seconds.items()}
        print(f"\n{UPDATES} updates of 16 documents, test scores included: {each} s an update, ratio {ratio:.2f}")
        print(f"micro-AP { ({name: np.round(found, 3).tolist() for name, found in scores.items()}) }")
    assert ratio > 1.5
    assert min(min(found) for found in scores.values()) > truth.mean() + 0.1  # both have learnt something
    assert abs(np.mean(scores["ours"]) - np.mean(scores["trainer"])) < 0.05
