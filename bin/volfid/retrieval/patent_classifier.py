"""SP-clf: a linear classifier of real patents against generated text of other kinds.

Logistic regression on TF-IDF of words (1-2) and characters (3-5), five
folds, threshold at 95 % recall on real documents. Real documents are scored out of fold, all others by models that
were not trained on the documents they were made from.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FOLDS = 5
RECALL = 0.95


@dataclass(frozen=True)
class Classifier:
    """Models of the folds, the fold of each real document by its id, and the frozen threshold.

    real_kept, other_kept: shares of real and other training documents from the threshold on, out of fold.
    """

    models: list[Any]
    fold: dict[str, int]
    threshold: float
    real_kept: float
    other_kept: float

    def kept(self, texts: Sequence[str], sources: Sequence[Collection[str]]) -> np.ndarray:
        """Which texts reach the threshold; `sources`: ids of the real documents behind each text.

        A score is the mean over the models of folds whose left-out part holds all these sources; where there is no
        such fold (no source, or sources in several folds) over all.
        """
        if not len(texts):
            return np.zeros(0, dtype=bool)
        scores = np.stack([model.decision_function(list(texts)) for model in self.models])
        use = np.ones(scores.shape, dtype=bool)
        for place, behind in enumerate(sources):
            folds = {self.fold[name] for name in behind if name in self.fold}
            if len(folds) == 1:
                use[:, place] = np.arange(len(self.models)) == folds.pop()
        mean = (scores * use).sum(axis=0) / use.sum(axis=0)
        result: np.ndarray = mean >= self.threshold
        return result


def fit(
    real: Sequence[str], names: Sequence[str], groups: Sequence[str], other: Sequence[str], rng: np.random.Generator
) -> Classifier:
    """Fit on real texts (ids `names`, `groups` stay in one fold) and other texts; nothing else is looked at.

    Raises ValueError with fewer than `FOLDS` groups or other texts.
    """
    units, unit = np.unique(np.asarray(groups), return_inverse=True)
    if len(units) < FOLDS or len(other) < FOLDS:
        raise ValueError(
            f"{len(units)} groups of real documents and {len(other)} other texts, {FOLDS} are needed of each"
        )
    real_fold = (rng.permutation(len(units)) % FOLDS)[unit]
    fold = np.concatenate([real_fold, rng.permutation(len(other)) % FOLDS])
    texts = np.array([*real, *other], dtype=object)
    target = np.repeat([1, 0], [len(real), len(other)])
    models, scores = [], np.empty(len(texts))
    for number in range(FOLDS):
        inside = fold != number
        model = _model().fit(texts[inside], target[inside])
        scores[~inside] = model.decision_function(texts[~inside])
        models.append(model)
    known = np.sort(scores[: len(real)])
    # so many real documents may fall below it that 95 % reach it
    threshold = float(known[int(np.floor((1 - RECALL) * len(known) + 1e-9))])
    return Classifier(
        models, dict(zip(names, real_fold.tolist(), strict=True)), threshold,
        float(np.mean(known >= threshold)), float(np.mean(scores[len(real) :] >= threshold)),
    )  # fmt: skip


def _model() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, characters), LogisticRegression(class_weight="balanced", max_iter=1000))
