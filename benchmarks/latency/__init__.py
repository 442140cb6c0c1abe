"""From a pushed change to the first answer that it asks for, on the real vLLM: see `measure`."""
