"""The packaged code of pipelines, addressed by digest."""
