"""`python -m bi.superset --marts published/callmart.duckdb`: write the bundle that Superset imports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import create_engine

from bi.superset.bundle import bundle, zipped


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bi.superset", description=__doc__)
    parser.add_argument(
        "--marts",
        default="published/callmart.duckdb",
        help="the published copy, or the address of a Postgres database, as SQLAlchemy writes it",
    )
    parser.add_argument(
        "--uri", help="where Superset finds the marts, if not under the same path or address as here"
    )
    parser.add_argument("--output", type=Path, default=Path("build/callmart_superset.zip"))
    options = parser.parse_args(arguments)
    if "://" in options.marts:
        address = reads = options.marts
    else:
        reads = f"duckdb:///{Path(options.marts).resolve()}"
        address = f"{reads}?access_mode=read_only"
    engine = create_engine(address)
    files = bundle(engine, options.uri or address)
    engine.dispose()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(zipped(files))
    sys.stdout.write(f"Wrote {options.output}: {len(files)} files. In Superset: Dashboards, Import.\n")


if __name__ == "__main__":
    main()
