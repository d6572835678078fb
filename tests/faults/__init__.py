"""Faults: real processes on one real file are killed, stopped and starved, and what they leave behind is audited."""
