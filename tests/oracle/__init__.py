"""The metrics counted a second time: plain Python over the calls as the API answers them.

Written from the definitions and the decision log, never from the models' SQL: what both get wrong they must
have got wrong independently. `compare.differences` holds every cell of the marts against it.
"""
