"""The engine: pure decisions, the step that carries them out, and the thread that loops it."""
