"""The same work done by other means: each module is a command IMAGES OUT WORKERS."""
