"""The operations: generators that yield batches of commands and return domain values."""
