"""Tasks that are called in this process: from the call to the final state."""
