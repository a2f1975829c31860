"""Networks run by ONNX Runtime, which has builds for all systems and needs NumPy alone."""
