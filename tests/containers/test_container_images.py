"""Images: built, refused, checked and let go of by a real container engine."""

from __future__ import annotations

import asyncio

import pytest
from tests.containers.conftest import NUMBER, Yard, failed, returned

from headrace.core.errors import InvalidEnvironment
from headrace.core.outcomes import FailureKind


async def test_a_build_sees_its_folder_without_what_dockerignore_names(yard: Yard) -> None:
    code = await yard.build(
        "COPY . /content/\nRUN ls() { for f in /content/*; do echo seen $f; done; }; ls\n",
        **{".dockerignore": "hidden.txt\n", "hidden.txt": "x", "shown.txt": "y"},
    )
    assert "seen /content/shown.txt" in yard.said
    assert not [line for line in yard.said if "hidden" in line]
    assert await yard.images.is_ready(code.environment)
    yard.said.clear()
    folder = next(yard.root.glob("folder-*"))
    await yard.images.ready(code.environment, folder, "Dockerfile", yard.said.append)
    assert yard.said == []


async def test_a_build_cannot_copy_from_outside_its_folder(yard: Yard) -> None:
    (yard.root / "secret.txt").write_text("of the server")
    with pytest.raises(InvalidEnvironment, match="The image cannot be built from Dockerfile"):
        await yard.build("COPY ../secret.txt /stolen.txt\n")


async def test_a_failed_build_says_why_and_leaves_nothing(yard: Yard) -> None:
    with pytest.raises(InvalidEnvironment, match=r"cannot be built from Dockerfile: .*7"):
        await yard.build("RUN echo first > /first\nRUN echo wrong >&2; exit 7\n")
    assert "wrong" in yard.said
    layers = [line.removeprefix("--> ") for line in yard.said if line.startswith("--> ")]
    # Others build on this machine as well, so only these are looked for.
    for layer in layers:
        with pytest.raises(RuntimeError):
            yard.place.ask("image", "inspect", layer)
    assert yard.place.images_of(yard.data_id) == []


async def test_an_image_without_its_command_is_found_before_any_call(yard: Yard) -> None:
    code = await yard.build('CMD ["no-such-program"]\n')
    failure = await yard.engine.warm(code, {})
    if (await yard.finder.find()).is_podman:
        assert failure is not None
        assert failure.kind is FailureKind.ENVIRONMENT
        assert "no-such-program" in failure.message
    outcome = failed(await yard.run(code, "pass"))
    assert outcome.kind is FailureKind.ENVIRONMENT
    assert "no-such-program" in outcome.message
    assert await yard.engine.warm(yard.ready(), {}) is None


async def test_an_image_that_nobody_needs_is_let_go_of_and_can_be_built_again(yard: Yard) -> None:
    code = await yard.build('LABEL "one"="two"\n')
    digest = code.environment
    assert await yard.images.discard_unused({digest}, unused_for_s=0) == []
    assert await yard.images.discard_unused(set(), unused_for_s=3600) == []
    assert await yard.images.is_ready(digest)
    assert await yard.images.discard_unused(set(), unused_for_s=0) == [digest]
    assert not await yard.images.is_ready(digest)
    failure = failed(await yard.run(code, "pass"))
    assert failure.kind is FailureKind.ENVIRONMENT
    folder = next(yard.root.glob("folder-*"))
    await asyncio.gather(
        *(yard.images.ready(digest, folder, "Dockerfile", yard.said.append) for _ in range(2))
    )
    assert returned(await yard.run(code, "give(number=1)", outputs=NUMBER)).values == {"number": 1}
