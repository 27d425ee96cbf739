"""The vocabulary: frozen specs (asked for) and statuses (seen). Pure values; no I/O.

All are msgspec structs: immutable, compared by value, stored with defaults left out, changed with
`msgspec.structs.replace`. Field names are Docker's own in snake case, so that one wire table serves all.
"""
