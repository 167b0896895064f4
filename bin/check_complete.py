#!/usr/bin/env python3
"""Say whether every planned cell was made; exit 65 when one is missing."""

from typing import Annotated

import typer

from volfid.core.cli import InFile, run


def main(
    status: InFile,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="name the gaps but exit 0")] = False,
) -> None:
    """Say whether every planned cell was made; exit 65 when one is missing."""
    from volfid.core.exits import DataError
    from volfid.core.log import log
    from volfid.core.schemas import CONTRACTS

    state = CONTRACTS["status"].read_object(status)
    log(f"{state['done']} of {state['planned']} planned cells are there")
    if state["complete"]:
        return
    for gap in state["missing"][:20]:
        log(f"missing: {gap['arm']} ({gap['cell_id']}): {gap['reason']}")
    if not allow_missing:
        raise DataError(
            f"INCOMPLETE: {state['planned'] - state['done']} planned cells are missing; the report names them",
            mend="Mend the cause and run again with -resume, or accept the gaps with --allow_missing",
        )


if __name__ == "__main__":
    run(main)
