"""The node: it takes pods and runs them as processes of this machine."""
