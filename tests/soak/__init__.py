"""The soak: seeds of storms, each over a small world, with loads, backfills, kills and other machines.

    python -m tests.soak --seeds 200 [--first 0] [--jobs 2]

`world` makes calls that change, `schedule` says what is run when, `machine` runs it (or has it killed),
`verdict` compares the warehouse with the platform's truth, `ledger` asks whether its books agree, `soak`
puts a seed together.
"""
