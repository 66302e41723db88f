"""The loops that keep the house: schedules, builds, and the removal of what is not needed."""
