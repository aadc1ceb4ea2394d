"""The metrics counted a second time, in Python from the API's calls.

Written from the definitions and decisions, not from the models' SQL, so that a common mistake would have to be made twice.
`compare.differences` compares every cell of the marts with it.
"""
