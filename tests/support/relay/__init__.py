"""What `tests.support.proxy` is made of.

`resp` finds the frames, `faults` says which of them are struck, `links` forwards them on one
connection, `exchange` holds all connections, and `loop` is the thread that all of it runs in.
"""
