"""From the text of a function to its inputs and outputs; nothing is imported or run."""
