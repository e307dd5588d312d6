"""The core: what to do about a run, decided from values alone.

No I/O, no clock, no randomness, no logging, no kopf: `decide(Observed) -> Plan`. Everything
that varies arrives in `Observed`, the time included, so that the same value gives the same plan.
"""
