"""Real crawls against servers on loopback."""
