"""The engine of images: a container for each call, made by podman or docker."""
