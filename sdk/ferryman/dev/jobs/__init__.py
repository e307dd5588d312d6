"""The Job controller: what becomes of a Job and its pods."""
