"""Schedules that are right to the second, and a scheduler that runs them in your own process."""
