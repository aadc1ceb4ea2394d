"""The pages that supervisors and analysts look at: `callmart dashboard`.

    view       the selection (dates, queues, …) in the URL
    reader     where rows come from: the published copy, or a warehouse through SQLAlchemy
    panels     one SQL file each over the marts; its rows are what a page, a table and a CSV show
    charts     Vega-Lite specifications for the panels that are drawn; vega: the parts they share
    pages      which panels a page shows
    app        HTTP: routes, headers, access

No page computes a number: the SQL does, and `formatting` writes it as text.
"""
