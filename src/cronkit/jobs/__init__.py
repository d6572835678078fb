"""Jobs and runs: what they are, how they may change, and the policies that decide it. Knows no store and no thread."""
