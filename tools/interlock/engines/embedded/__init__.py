"""The embedded engine: a small OpenAI-compatible server on transformers and PEFT, run as its own process.

    python -m interlock.engines.embedded --base DIRECTORY --served-model-name tiny --port 8000

It speaks vLLM's interface (docs/engines.md lists the differences), so the demo and the tests need no vLLM. It is for
small models: correct with many adapters at once, modest in speed.
"""
