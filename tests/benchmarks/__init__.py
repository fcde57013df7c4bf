"""Programs of their own that measure side by side; no test asserts a time."""
