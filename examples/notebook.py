"""A notebook on the published marts, for marimo: `marimo edit examples/notebook.py`.

It reads demo/published/callmart.duckdb; CALLMART_MARTS names another published copy. As a script,
`python examples/notebook.py`, it runs every cell and prints nothing.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    copy = Path(os.environ.get("CALLMART_MARTS", "demo/published/callmart.duckdb"))
    marts = duckdb.connect(str(copy), read_only=True)
    marts.execute("set TimeZone = 'UTC'")
    return alt, marts, mo


@app.cell
def _(marts, mo):
    until, zone = marts.sql("select data_until, reporting_timezone from marts.mart_publication").fetchone()
    mo.md(
        f"# Two weeks of calls\n\nData until {until:%Y-%m-%d %H:%M} UTC. Local times are {zone}, or the queue's own."
    )
    return


@app.cell
def _(marts, mo):
    queues = marts.sql("select queue_name from marts.dim_queues order by queue_name").fetchall()
    queue = mo.ui.dropdown([name for (name,) in queues], value=queues[0][0], label="Queue")
    queue
    return (queue,)


@app.cell
def _(marts, queue):
    # Sum the parts, then divide: the average of a ratio is no service level.
    days = marts.execute(
        """
        select
            local_date,
            sum(offered)::bigint as offered,
            sum(service_level_numerator) / nullif(sum(service_level_denominator), 0) as service_level,
            max(target_percent) / 100 as target,
            bool_and(is_final) as is_final
        from marts.mart_queue_days
        where queue_name = ?
        group by local_date
        order by local_date
        """,
        [queue.value],
    ).arrow()
    return (days,)


@app.cell
def _(alt, days, mo, queue):
    base = alt.Chart(alt.Data(values=days.read_all().to_pylist())).encode(x=alt.X("local_date:T", title=None))
    level = base.mark_line(point=True, color="#1d5fa3").encode(
        y=alt.Y(
            "service_level:Q",
            title="service level",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[0, 1]),
        )
    )
    target = base.mark_line(strokeDash=[6, 4], color="#b4530a").encode(y="target:Q")
    mo.vstack(
        [
            mo.md(f"## {queue.value}: service level by day, target dashed"),
            (level + target).properties(height=220),
        ]
    )
    return


@app.cell
def _(marts, mo, queue):
    waits = marts.execute(
        """
        select
            outcome,
            count(*) as segments,
            round(quantile_cont(wait_seconds, 0.5)) as median_wait_seconds,
            round(quantile_cont(wait_seconds, 0.9)) as p90_wait_seconds
        from marts.fct_queue_segments
        where is_offered and queue_name = ?
        group by outcome
        order by segments desc
        """,
        [queue.value],
    )
    names = [each[0] for each in waits.description]
    outcomes = [dict(zip(names, row, strict=True)) for row in waits.fetchall()]
    mo.vstack(
        [mo.md("## How long did they wait, and what became of it?"), mo.ui.table(outcomes, selection=None)]
    )
    return (outcomes,)


@app.cell
def _(marts, mo):
    agents = marts.sql(
        """
        select
            agent_name,
            sum(handled_segments)::bigint as handled,
            round(sum(handle_seconds) / sum(handled_segments), 1) as average_handle_time,
            round(sum(acw_seconds) / sum(handled_segments), 1) as average_wrap_up
        from marts.mart_agent_handle_time
        where direction = 'inbound'
        group by agent_name
        having sum(handled_segments) >= 30
        order by handled desc
        """
    )
    rows = [dict(zip(agents.columns, row, strict=True)) for row in agents.fetchall()]
    mo.vstack([mo.md("## Handle time by agent, inbound, in seconds"), mo.ui.table(rows, selection=None)])
    return (rows,)


if __name__ == "__main__":
    app.run()
