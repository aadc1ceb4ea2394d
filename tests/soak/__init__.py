"""Soak test: random faults over a small world, with loads, backfills, kills and other machines.

    python -m tests.soak --seeds 200 [--first 0] [--jobs 2]

`world` creates calls that change, `schedule` decides what is run when, `machine` runs it (or has it killed), `verdict`
compares the warehouse with the platform's truth, `ledger` checks the ledger, `soak` runs a seed.
"""
