"""The asset graph: one folder per asset group, in the order the data flows.

What belongs here: what the clinic knows (tables, concepts, features, models) and how it is declared to Dagster.
What does not: connections to anything outside the process (`resources`) and what starts runs (`sensors`).
"""

import os

# Lineage runs a rule once per column on sources written in Python; a rule that reads a table hundreds of times starts
# as many of polars' waiting threads, and polars warns at 512. Polars reads this when it starts: before any import.
os.environ.setdefault("POLARS_MAX_BLOCKING_THREAD_COUNT", "4096")

# Arrow's own allocator gives freed memory back after 10 ms and asks for it anew a moment later: a quarter of the time
# of reading a file. Arrow reads this when it is loaded.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
