"""What pipelines made from a Dockerfile cannot have."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.core.dockerfiles import image_digest, refuse_deployment
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import ContainerConfig, Origin, PipelineVersion


def version(config: ContainerConfig) -> PipelineVersion:
    return PipelineVersion("v", 1, "", "", config, Origin.LOCAL, "b", datetime.now(UTC), "u")


IMAGE = version(ContainerConfig(None, dockerfile_path="Dockerfile"))
FUNCTION = version(ContainerConfig("python:3.11-slim"))


def test_a_function_may_have_both() -> None:
    refuse_deployment(FUNCTION, "d", is_low_latency=True, attachments=["a"])


def test_an_image_may_be_deployed_as_elastic_without_attachments() -> None:
    refuse_deployment(IMAGE, "d", is_low_latency=False, attachments=[])


def test_low_latency_and_attachments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"'low_latency' of deployment 'd' .*mode 'elastic'"):
        refuse_deployment(IMAGE, "d", is_low_latency=True, attachments=[])
    with pytest.raises(InvalidRequest, match=r"cannot be attached to deployment 'd'"):
        refuse_deployment(IMAGE, "d", is_low_latency=False, attachments=["a"])


def test_an_image_is_known_by_its_folder_and_its_dockerfile() -> None:
    digests = {image_digest(*parts) for parts in (("a", "D"), ("a", "E"), ("b", "D"), ("aD", ""))}
    assert len(digests) == 4
    assert image_digest("a", "D") in digests
