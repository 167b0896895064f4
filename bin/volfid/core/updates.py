"""How many optimiser updates a plan gives to so many rows."""


def step_budget(rows: int, batch: int, epochs: int) -> int:
    """Optimiser updates of `epochs` passes over `rows` in batches of `batch`: E * ceil(rows / B)."""
    return epochs * -(-rows // batch)
