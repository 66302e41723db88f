"""Pictures that the server draws: lines, strips, and the mapping with its values."""
