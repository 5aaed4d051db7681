"""Several nodes: which of them a batch goes to, behind sentinels and in a Cluster."""
