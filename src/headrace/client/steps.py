"""Steps: code that pipelines are made of by name, as the specification has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.client.creation import creation_fields, explicit, local_folder
from headrace.client.messages import Form, Request
from headrace.client.parts import Object
from headrace.client.pipeline_creation import PipelineCreation
from headrace.core.errors import PipelineCreationFailed
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import PipelineStatus
from headrace.wire import routes


class StepCalls(PipelineCreation):
    """Makes steps; ``create_pipeline(name, step_name=...)`` makes a pipeline of one."""

    def create_step(
        self,
        step_name: str,
        function_path: str | None = None,
        function_name: str | None = None,
        description: str | None = None,
        container_config: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] | None = None,
        outputs: Sequence[Output] | None = None,
        wait_for_completion: bool = True,
        timeout_s: float | None = None,
    ) -> Object:
        """Create a step from a function, and build its environment.

        Args:
            step_name: Its name.
            function_path: As by :meth:`create_pipeline`, and so are the others.
            function_name: See there.
            description: See there.
            container_config: See there.
            inputs: See there.
            outputs: See there.
            wait_for_completion: Return when its environment is built, not before.
            timeout_s: Seconds to wait at most; None for no limit.

        Returns:
            The step, as :meth:`get_step`.

        Raises:
            InvalidRequest: Something of it cannot be used; nothing was created.
            AlreadyExists: The name is taken.
            PipelineCreationFailed: The build failed.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        config = explicit(container_config)
        folder = local_folder(config)
        _, *fields = creation_fields(
            pipeline_name=step_name,
            function_path=function_path,
            function_name=function_name,
            description=description,
            config=config,
            inputs=inputs or (),
            outputs=outputs or (),
        )
        named = (("step_name", step_name), *fields)
        if folder is None:
            self._transport.call(routes.CREATE_STEP, Request(body=Form(named)))
        else:
            self._send_folder(named, config, folder, function_path, None, routes.CREATE_STEP)
        self._say(f"Step {step_name}: created, building its environment.")
        return self.get_step(step_name, wait_for_completion, timeout_s)

    def get_step(
        self, step_name: str, wait_for_completion: bool = False, timeout_s: float | None = None
    ) -> Object:
        """Return a step: ``{"parameters": {...}, "creation_info": {...}}``.

        Args:
            step_name: The step.
            wait_for_completion: Wait until its environment is built.
            timeout_s: Seconds to wait at most; None for no limit.

        Raises:
            NotFound: There is no such step.
            PipelineCreationFailed: It was waited for, and the build failed.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        if not wait_for_completion:
            step: Object = self._transport.call(routes.STEP, name=step_name)
            return step

        def ask(left: float | None) -> Object | None:
            request = Request(query={"wait_for_completion": "true"}, answer_within_s=left)
            step: Object = self._transport.call(routes.STEP, request, name=step_name)
            return None if step["creation_info"]["status"] == PipelineStatus.PENDING else step

        built = self._wait(
            ask,
            f"The build of step {step_name!r}",
            timeout_s,
            then=f"sdk.get_step({step_name!r}, wait_for_completion=True) waits for it.",
        )
        if built["creation_info"]["status"] == PipelineStatus.FAILED:
            raise PipelineCreationFailed(
                f"The creation of step {step_name!r} failed: {built['creation_info']['failure']}",
                details={"step_name": step_name},
            )
        return built

    def list_steps(self) -> list[Object]:
        """Return all steps: ``[{"step_name", "status", "created_at", "updated_at", ...}]``."""
        steps: list[Object] = self._transport.call(routes.STEPS)
        return steps

    def delete_step(self, step_name: str, force_dependents_deletion: bool = False) -> Object:
        """Delete a step and, if forced, the pipelines that are made of it.

        Returns:
            ``{"step_name"}``.

        Raises:
            NotFound: There is no such step.
            InUse: Pipelines are made of it and ``force_dependents_deletion`` is False.
        """
        query = {"force_dependents_deletion": str(force_dependents_deletion).lower()}
        deleted: Object = self._transport.call(
            routes.DELETE_STEP, Request(query=query), name=step_name
        )
        self._say(f"Step {step_name}: deleted.")
        return deleted
