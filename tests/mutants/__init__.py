"""Mistakes planted in the SQL, one at a time, each of which a test must find."""
