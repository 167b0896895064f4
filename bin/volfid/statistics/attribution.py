"""Attribution of a gain to factors: Shapley averages and all interactions.

A coalition is a bit mask: bit i set means player i is at its high level.
"""

from collections.abc import Sequence

import numpy as np

PLAYERS = ("updates", "text", "law", "threshold")
ARM_OF_CORNER = {
    (0, 0, 0): "R0", (1, 0, 0): "R1", (0, 0, 1): "PL_low", (1, 0, 1): "PL",
    (0, 1, 0): "C_low", (1, 1, 0): "C", (0, 1, 1): "S_low", (1, 1, 1): "S",
}  # fmt: skip


def corners(players: Sequence[str]) -> list[tuple[str, str | None]]:
    """Arm and threshold policy of every coalition of `players`, in the order of bit masks.

    Without the player `threshold` the policy is None: the caller's own.
    """
    listed = []
    for mask in range(1 << len(players)):
        level = {player: mask >> bit & 1 for bit, player in enumerate(players)}
        arm = ARM_OF_CORNER[level["updates"], level["text"], level["law"]]
        policy = ("tuned" if level["threshold"] else "fixed_0.5") if "threshold" in level else None
        listed.append((arm, policy))
    return listed


def dividends(values: np.ndarray) -> np.ndarray:
    """Harsanyi dividends (Moebius transform) of `values`, shape (draws, 2 ** players).

    The dividend of a coalition is what its members give only together; all of them sum to the
    value of the full coalition.
    """
    result = np.array(values, dtype=float)
    masks = np.arange(result.shape[1])
    for bit in range(result.shape[1].bit_length() - 1):
        high = masks[masks >> bit & 1 == 1]
        result[:, high] -= result[:, high ^ (1 << bit)]
    return result


def shapley(values: np.ndarray) -> np.ndarray:
    """Shapley averages, shape (draws, players): every dividend shared equally by its members."""
    parts = dividends(values)
    masks = np.arange(parts.shape[1])
    members = np.array([int(mask).bit_count() for mask in masks])
    players = parts.shape[1].bit_length() - 1
    shared = parts / np.maximum(members, 1)
    return np.stack([shared[:, masks >> bit & 1 == 1].sum(axis=1) for bit in range(players)], axis=1)


def coalition_name(mask: int, players: Sequence[str]) -> str:
    """Members joined by ' x '."""
    return " x ".join(player for bit, player in enumerate(players) if mask >> bit & 1)
