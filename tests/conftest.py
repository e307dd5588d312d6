"""Fixtures that every suite may use; each lives in tests/fixtures/<noun>.py."""

from hypothesis import settings

# No test may fail because a machine was slow once.
settings.register_profile("ferryman", deadline=None)
settings.load_profile("ferryman")

pytest_plugins = ["ferryman.testing", "fixtures.embedded_cluster", "fixtures.object_store"]
