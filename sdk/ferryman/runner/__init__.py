"""What runs in the pod: one attempt of one run.

    supervisor      parses the environment, forks the child, watches it, writes the report
      watch         the loop: the child's messages and end, our signals, the time limits
      child         download, verify, claim (payload, claim)
        invocation  unpickle, execute, serialise, upload (execution, upstreams, output)
        hooks       calls the hooks (aftermath: by which process, hooks_only: one that does nothing else)
      channel       what the child tells the supervisor
      ending        how an attempt ended, and the exit code that says so

The supervisor holds no connection and starts no thread, so it can fork cheaply and outlives
whatever the function does to its process. Nothing here loads more than the standard library,
ferryman, cloudpickle and obstore before the user's code does.
"""
