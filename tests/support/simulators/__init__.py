"""Engines that cannot be run here, built from their documented interfaces, good and bad manners alike: real HTTP, real
safetensors, and answers that follow from the bytes of an adapter."""
