"""An API server that speaks the part of Kubernetes' protocol that kopf, client-python and kubectl use.

It is for laptops and tests: one process, in memory, loopback only, no authentication.
"""
