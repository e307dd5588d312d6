"""Fixtures that every suite may use; each lives in tests/fixtures/<noun>.py."""

pytest_plugins = ["fixtures.object_store"]
