"""Real servers on loopback that artifacts are read from, with files to put there, and a network between that fails."""
