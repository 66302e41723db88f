"""Pipeline templates: list and show what pipelines can be made of by name."""

from __future__ import annotations

from headrace.client.parts import Object, Part
from headrace.core.names import check_name
from headrace.wire import routes


class PipelineTemplateCalls(Part):
    """Pipeline templates."""

    def list_pipeline_templates(self) -> list[Object]:
        """Return all pipeline templates.

        Returns:
            ``[{"name", "version", "enabled", "display_name", "description", "hosting_type",
            "model_family"}]``.
        """
        found: list[Object] = self._transport.call(routes.TEMPLATES)["pipeline_templates"]
        return found

    def get_pipeline_template(self, pipeline_template_name: str) -> Object:
        """Return a pipeline template with what its pipelines declare.

        Returns:
            As an element of :meth:`list_pipeline_templates`, with ``inputs``, ``outputs``,
            ``recommended_inputs_mapping``, ``recommended_outputs_mapping`` and
            ``environment_variables``: those that its code reads, each with what it means.

        Raises:
            NotFound: There is no such template.
        """
        name = check_name(pipeline_template_name, "pipeline_template_name")
        template: Object = self._transport.call(routes.TEMPLATE, name=name)
        return template
