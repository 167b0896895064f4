"""Which rows make each update, and the learning rate of each update."""

import numpy as np

from volfid.core.exits import ParameterError


def batch_plan(
    rows: np.ndarray, updates: int, batch: int, rng: np.random.Generator, added: np.ndarray | None = None,
    order: str = "half_real", lengths: np.ndarray | None = None, bucket: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Rows of every update: numbers (updates, batch) int64, weights (updates, batch) float32.

    rows   row numbers of one epoch, a row of multiplicity k standing k times
    added  None (pooled): every epoch is one shuffle of `rows`; its last batch may be short and
           is not dropped. Else by `order`. half_real: every batch is half `rows` and half `added`,
           each from its own endless sequence of shuffles. curriculum: epochs of `added` alone, then of
           `rows` alone, with updates in proportion to their numbers.
    lengths, bucket  length of each row's text: within `bucket` consecutive full batches of an epoch the rows are
           dealt out again by length, the batches in random order (`_bucketed`)
    The weights of a batch sum to 1; the empty places of a short batch have weight 0 (and row 0).
    """
    if added is None:
        steps = -(-len(rows) // batch)
        epochs = -(-updates // steps)
        plan = np.zeros((epochs, steps * batch), dtype=np.int64)
        for epoch in range(epochs):
            plan[epoch, : len(rows)] = rng.permutation(rows)
        weight = np.tile(np.arange(steps * batch) < len(rows), (epochs, 1)).astype(np.float32)
        plan, weight = plan.reshape(-1, batch), weight.reshape(-1, batch)
        if lengths is not None and bucket > 1:
            for epoch in range(epochs):
                start = epoch * steps
                _bucketed(plan[start : start + len(rows) // batch], lengths, bucket, rng)
        plan, weight = plan[:updates], weight[:updates]
        return plan, weight / weight.sum(1, keepdims=True)
    if not len(rows) or not len(added):
        raise ParameterError("batches that tell real from added rows need rows of both kinds")
    if order == "curriculum":
        first = round(updates * len(added) / (len(rows) + len(added)))
        stages = [
            batch_plan(kind, u, batch, rng, lengths=lengths, bucket=bucket)
            for kind, u in ((added, first), (rows, updates - first)) if u
        ]  # fmt: skip
        return tuple(np.concatenate(parts) for parts in zip(*stages, strict=True))
    if batch % 2:
        raise ParameterError(f"batches of {batch} rows cannot be half real and half added")
    parts = [_endless(kind, updates * batch // 2, rng).reshape(updates, -1) for kind in (rows, added)]
    plan, weight = np.hstack(parts), np.full((updates, batch), 1 / batch, dtype=np.float32)
    if lengths is not None and bucket > 1:
        _bucketed(plan, lengths, bucket, rng, halves=2)
    return plan, weight


def _bucketed(plan: np.ndarray, lengths: np.ndarray, bucket: int, rng: np.random.Generator, halves: int = 1) -> None:
    """Give the rows of every `bucket` full batches to these batches by length, in place; their order is drawn.

    Every window of batches keeps the rows that chance gave it, so each row is still as likely in each update. The
    short batch of an epoch is left as it is: its rows weigh more, and must not be chosen by length.
    halves: columns that are dealt out apart (half_real: each kind).
    """
    for start in range(0, len(plan), bucket):
        window = plan[start : start + bucket]
        order = rng.permutation(len(window))
        for part in np.split(window, halves, axis=1):
            rows = part.ravel()
            part[order] = rows[np.argsort(lengths[rows], kind="stable")].reshape(part.shape)


def _endless(rows: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.permutation(rows) for _ in range(-(-length // len(rows)))])[:length]


def learning_rates(updates: int, peak: float, warmup_share: float) -> np.ndarray:
    """Linear warm-up over ceil(warmup_share x updates) updates, then linear decay; shape (updates,).

    The first and the last update have a rate above 0, so that all U updates move the weights.
    """
    warm = int(np.ceil(warmup_share * updates))
    update = np.arange(1, updates + 1)
    rise = update / max(warm, 1)
    fall = (updates - update + 1) / (updates - warm + 1)
    return peak * np.where(update <= warm, rise, fall)
