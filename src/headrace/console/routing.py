"""The pages of the console with their handlers."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.console import (
    at_once,
    cancels,
    change_deployment,
    chosen_folder,
    comparison,
    data_store,
    deployments,
    execution,
    executions,
    logs,
    monitoring,
    new_deployment,
    new_pipeline,
    pipelines,
    replays,
    routes,
    run_form,
    settings,
    users,
    variables,
)
from headrace.console.assets import asset
from headrace.console.bulk_work import BulkWork
from headrace.console.creation_form import CreationForms
from headrace.console.example import deploy_example
from headrace.console.front_page import front_page
from headrace.console.live import Listeners
from headrace.console.search import search
from headrace.console.sign_in import sign_in, sign_in_page, sign_out
from headrace.web.exchange import Handler
from headrace.wire.route import Route
from headrace.wire.routes import FRONT

_SETTINGS: Mapping[Route, Handler] = {
    routes.SETTINGS: settings.project,
    routes.CHANGE_PROJECT: settings.change_project,
    routes.TOKENS: settings.tokens,
    routes.CREATE_TOKEN: settings.create_token,
    routes.REVOKE_TOKEN: settings.revoke_token,
    routes.USERS: users.users,
    routes.CREATE_USER: users.create_user,
    routes.SET_PASSWORD: users.set_password,
    routes.REMOVE_USER: users.remove_user,
    routes.OWN_PASSWORD: users.own_password,
    routes.CHANGE_OWN_PASSWORD: users.change_own_password,
    routes.SERVER: settings.server,
    routes.CHANGE_SERVER: settings.change_server,
}

_DEPLOYMENTS: Mapping[Route, Handler] = {
    routes.NEW_DEPLOYMENT: new_deployment.new_deployment,
    routes.CREATE_DEPLOYMENT: new_deployment.create_deployment,
    routes.DEPLOYMENTS: deployments.deployments,
    routes.DEPLOYMENT: deployments.deployment,
    routes.CHANGE_FORM: change_deployment.change_form,
    routes.SAVE_CHANGE: change_deployment.save_change,
    routes.CHANGE_DEPLOYMENT: deployments.change,
    routes.FIRE_TIMES: deployments.fire_times,
    routes.RENEW_TOKEN: deployments.renew_token,
    routes.DELETE_DEPLOYMENT: deployments.delete_deployment,
}


def handlers() -> Mapping[Route, Handler]:
    """Return the handlers, which share what one server has of them."""
    forms, bulk = CreationForms(), BulkWork()
    return {
        FRONT: front_page,
        routes.ASSET: asset,
        routes.EVENTS: Listeners().events,
        routes.EXAMPLE: deploy_example,
        routes.SIGN_IN_PAGE: sign_in_page,
        routes.SIGN_IN: sign_in,
        routes.SIGN_OUT: sign_out,
        routes.VARIABLES: variables.variables,
        routes.SET_VARIABLE: variables.set_variable,
        routes.DELETE_VARIABLE: variables.delete_variable,
        routes.SEARCH: search,
        routes.PIPELINES: pipelines.pipelines,
        routes.NEW_PIPELINE: new_pipeline.new_pipeline,
        routes.SEND_CODE: new_pipeline.send_code,
        routes.JUDGE_FOLDER: chosen_folder.left_out,
        routes.CREATE_OF_TEMPLATE: new_pipeline.create_of_template,
        routes.CREATION_FORM: forms.form,
        routes.CREATE_PIPELINE: forms.create,
        routes.PIPELINE: pipelines.pipeline,
        routes.PIPELINE_VERSIONS: pipelines.versions,
        routes.RUN_FORM: run_form.run_form,
        routes.RUN: run_form.run,
        routes.ROLL_BACK: pipelines.roll_back,
        routes.DELETE_PIPELINE: pipelines.delete_pipeline,
        routes.EXECUTIONS: executions.executions,
        routes.COMPARE: comparison.comparison,
        routes.CANCEL_PREVIEW: cancels.preview,
        routes.CANCEL_SEVERAL: cancels.Cancels(bulk).cancel,
        routes.REPLAY_PREVIEW: replays.preview,
        routes.REPLAY: replays.Replays(bulk).replay,
        routes.AT_ONCE: at_once.progress,
        routes.STOP_AT_ONCE: at_once.stop,
        routes.EXECUTION: execution.execution,
        routes.EXECUTION_LOG: logs.whole,
        routes.LOG_WINDOW: logs.window,
        routes.LOG_SEARCH: logs.search,
        routes.RERUN_FORM: execution.rerun_form,
        routes.RERUN: execution.rerun,
        routes.CANCEL: execution.cancel,
        routes.DELETE: execution.delete,
        routes.EXECUTION_FILE: execution.file,
        **_DEPLOYMENTS,
        **_SETTINGS,
        routes.MONITORING: monitoring.machines,
        routes.MONITORING_METRICS: monitoring.metrics,
        routes.DATA_STORE: data_store.data_store,
        routes.DATA_STORE_FILE: data_store.data_store_file,
        routes.DATA_STORE_DOWNLOAD: data_store.download,
        routes.DATA_STORE_IMAGE: data_store.image,
        routes.DATA_STORE_UPLOAD: data_store.upload,
        routes.DATA_STORE_DELETE: data_store.delete_file,
    }
