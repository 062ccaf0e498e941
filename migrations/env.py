"""Alembic's entry: runs one service's history on the connection that `migrations.upgrade` opened."""

import importlib

from alembic import context

service = context.config.attributes["service"]
models = importlib.import_module(f"services.{service}.models")


def _ours(name: str | None, kind: str, _: object) -> bool:
    return kind != "schema" or name == service


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.meta,
    version_table_schema=service,
    include_schemas=True,
    include_name=_ours,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
