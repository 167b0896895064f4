"""The planner: the only place where the grid of cells exists."""
