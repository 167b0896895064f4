#!/usr/bin/env python3
"""Write docs/contracts.md from the schemas."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bin"))

from volfid.core.files import write_text  # noqa: E402
from volfid.report.contracts_page import contracts_page  # noqa: E402

if __name__ == "__main__":
    write_text(ROOT / "docs" / "contracts.md", contracts_page())
