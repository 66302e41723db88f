"""The loops that carry out what the verbs have recorded."""
