"""Contract 2, through the store: what lies in S3, and how it gets there and back.

Import the modules, not this package: it loads nothing. Modules that the runner loads
(`envelope`, `codecs`, `failures`, `keys`, `store`, `obstore`) use the standard library,
cloudpickle and obstore only.
"""
