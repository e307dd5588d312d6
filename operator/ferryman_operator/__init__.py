"""The operator: turns each TaskRun into one Job per attempt and records how it ended."""
