"""``make faults``: writers under load, a store that breaks, and what is there afterwards.

Each run strikes one fault while processes of both facades append turns; then every turn that was
acknowledged must be there once, whole and in its writer's order, nothing else, and all of it with
a TTL. The table says how many were not.

`turns` is what is written, `talking` how a writer goes on after an error, `crew` the process that
writes and `crews` its parent's side. `checking` compares what was said with what is stored, and
`auditing` reads it. `one_server`, `sentinels` and `clusters` are where it happens and what is done
there, `catalogue` lists all of it, `running` does one run and `tables` prints.
"""
