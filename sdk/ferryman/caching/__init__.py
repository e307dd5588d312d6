"""Results under keys: which calls share one (`policies`, `effective`, `hashing`), where they are kept
(`records`, `entries`) and who of many may compute it (`locks`).

Standard library; cloudpickle only for values that nothing else can take apart. The runner loads it.
"""
