"""What is peculiar to releases of the public client: all of it, and nowhere else."""
