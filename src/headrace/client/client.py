"""``HeadraceSdk``: the parts of the SDK put together."""

from __future__ import annotations

from headrace.client.bulk import BulkCalls
from headrace.client.clock import ClockCalls
from headrace.client.connected import Connected
from headrace.client.data_store import DataStoreCalls
from headrace.client.deploys import DeployCalls
from headrace.client.endpoints import EndpointCalls
from headrace.client.environment import EnvironmentCalls
from headrace.client.metrics import MetricCalls
from headrace.client.nodes import NodeCalls
from headrace.client.pipeline_templates import PipelineTemplateCalls
from headrace.client.schedules import ScheduleCalls
from headrace.client.steps import StepCalls
from headrace.client.users import UserCalls


class HeadraceSdk(
    Connected,
    DeployCalls,
    StepCalls,
    PipelineTemplateCalls,
    EndpointCalls,
    ScheduleCalls,
    BulkCalls,
    MetricCalls,
    DataStoreCalls,
    UserCalls,
    NodeCalls,
    ClockCalls,
    EnvironmentCalls,
):
    """A connection to a Headrace server, as one user.

    What is not given is taken from ``HEADRACE_SDK_TOKEN``, ``HEADRACE_ENVIRONMENT_URL`` and
    ``HEADRACE_CONTROL_URL``, then from the same names that begin with ``CRAFT_AI``, then from
    ``headrace login``. Nothing is sent before the first call. Threads may share one object.

    Args:
        sdk_token: The SDK token.
        environment_url: Root of the server, such as ``http://127.0.0.1:8471``.
        control_url: Root of the server that knows the users; the same unless said.
        verbose_log: Tell progress on stderr. None: if Python is interactive.
        warn_on_metric_outside_of_pipeline: Warn when a metric is recorded where none can be.
        warn_on_metric_outside_of_step: The same, by its older name.

    Raises:
        Unauthenticated: No server or no token is given anywhere.
        InvalidRequest: A URL is not one.
    """

    def __init__(
        self,
        sdk_token: str | None = None,
        environment_url: str | None = None,
        control_url: str | None = None,
        verbose_log: bool | None = None,
        warn_on_metric_outside_of_pipeline: bool = True,
        *,
        warn_on_metric_outside_of_step: bool | None = None,
    ) -> None:
        super().__init__(sdk_token, environment_url, control_url, verbose_log)
        self.warn_on_metric_outside_of_pipeline = (
            warn_on_metric_outside_of_pipeline
            if warn_on_metric_outside_of_step is None
            else warn_on_metric_outside_of_step
        )
