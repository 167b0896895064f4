"""What every stage shares: contracts, ids, seeds, manifests, exit codes.

Imports the standard library, typer, numpy, pyarrow, PyYAML and pydantic only.
"""
