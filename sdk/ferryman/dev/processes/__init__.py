"""The processes of an embedded cluster: started, watched, and ended however the cluster ends."""
