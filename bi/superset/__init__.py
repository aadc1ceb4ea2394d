"""A dashboard for Apache Superset, made from the marts' own descriptions."""
