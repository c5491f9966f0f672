"""The asset graph: one folder per asset group, in the order the data flows.

What belongs here: what the clinic knows (tables, concepts, features, models) and how it is declared to Dagster.
What does not: connections to anything outside the process (`resources`) and what starts runs (`sensors`).
"""
