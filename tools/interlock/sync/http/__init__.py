"""The agent's HTTP endpoints: health, readiness, status, metrics, and hints from a forge. Loaded only where set up."""
