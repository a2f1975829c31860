"""The networks as ONNX graphs, run by ONNX Runtime, which has builds for all systems."""
