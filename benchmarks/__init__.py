"""What ModelMesh costs beside what others cost, measured in one run: `python -m benchmarks`."""
