"""dlt's BigQuery destination accepts the source's tables. It connects to nothing: the emulator cannot run dlt's loads."""

from __future__ import annotations

import dlt
import pytest

from pipelines.ccaip.schema import declare
from pipelines.ccaip.tables import RECORDS, SOURCE, TABLES


def test_dlt_accepts_every_table_and_merges_a_call_with_all_its_rows():
    pytest.importorskip("google.cloud.bigquery")
    from dlt.destinations.sql_jobs import SqlMergeFollowupJob

    schema = dlt.Schema(SOURCE)
    declare(schema, "dlt.destinations.bigquery")
    nobody = {"project_id": "a-project", "client_email": "nobody@localhost", "private_key": "none"}
    dataset = dlt.dataset(dlt.destinations.bigquery(credentials=nobody), SOURCE, schema)
    client = dataset.destination_client
    accepted = {table["name"] for table in client.verify_schema([*TABLES, *(each.name for each in RECORDS)])}
    assert accepted >= {*TABLES, *(each.name for each in RECORDS)}
    statements = SqlMergeFollowupJob.generate_sql(
        [client.prepare_load_table(name) for name in TABLES], client.sql_client
    )
    for name in TABLES:
        table = f"`a-project`.`{SOURCE}`.`{name}`"
        assert any(each.strip().startswith(f"DELETE FROM {table}") for each in statements)
        assert any(f"INSERT INTO {table}" in each for each in statements)
