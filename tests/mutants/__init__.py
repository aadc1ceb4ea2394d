"""Mistakes planted in the SQL, one at a time: the tests of the numbers must see every one of them."""
