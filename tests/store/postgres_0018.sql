CREATE TABLE public.activity_counts (
    whose text NOT NULL COLLATE pg_catalog."C",
    step_s integer NOT NULL,
    begin_s bigint NOT NULL,
    bin integer NOT NULL,
    calls integer NOT NULL,
    failed integer NOT NULL
);
CREATE TABLE public.activity_open (
    execution_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.attempts (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    attempt integer NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint NOT NULL,
    failure_kind text NOT NULL COLLATE pg_catalog."C",
    failure_message text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.deployments (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    pipeline_id text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL COLLATE pg_catalog."C",
    mode text NOT NULL COLLATE pg_catalog."C",
    description text COLLATE pg_catalog."C",
    sources text NOT NULL COLLATE pg_catalog."C",
    destinations text NOT NULL COLLATE pg_catalog."C",
    is_enabled boolean NOT NULL,
    created_at bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    updated_at bigint NOT NULL,
    updated_by text NOT NULL COLLATE pg_catalog."C",
    url_path text COLLATE pg_catalog."C",
    sealed_token bytea,
    timeout_s double precision,
    retries integer DEFAULT 0 NOT NULL,
    retry_backoff_s double precision DEFAULT '10'::double precision NOT NULL,
    low_latency text COLLATE pg_catalog."C",
    pinned_version integer,
    probe text COLLATE pg_catalog."C",
    attachments text COLLATE pg_catalog."C",
    deleted_at bigint,
    CONSTRAINT ck_deployments_endpoint_has_url_and_token CHECK (((rule = 'endpoint'::text) = ((url_path IS NOT NULL) AND (sealed_token IS NOT NULL)))),
    CONSTRAINT ck_deployments_mode CHECK ((mode = ANY (ARRAY['elastic'::text, 'low_latency'::text]))),
    CONSTRAINT ck_deployments_rule CHECK ((rule = ANY (ARRAY['endpoint'::text, 'periodic'::text])))
);
CREATE TABLE public.execution_samples (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    step integer NOT NULL,
    seconds double precision NOT NULL,
    cpu double precision NOT NULL,
    memory bigint NOT NULL,
    read bigint,
    written bigint
);
CREATE TABLE public.execution_usages (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    worker text NOT NULL COLLATE pg_catalog."C",
    cpu_s double precision NOT NULL,
    memory bigint NOT NULL,
    read bigint,
    written bigint
);
CREATE TABLE public.executions (
    id text NOT NULL COLLATE pg_catalog."C",
    pipeline_id text NOT NULL COLLATE pg_catalog."C",
    pipeline_name text NOT NULL COLLATE pg_catalog."C",
    deployment_name text COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    started_at bigint,
    ended_at bigint,
    inputs text NOT NULL COLLATE pg_catalog."C",
    outputs text NOT NULL COLLATE pg_catalog."C",
    failure_kind text COLLATE pg_catalog."C",
    failure_message text COLLATE pg_catalog."C",
    attempt integer NOT NULL,
    worker_id text COLLATE pg_catalog."C",
    deployment_id text COLLATE pg_catalog."C",
    timeout_s double precision,
    retries integer DEFAULT 0 NOT NULL,
    retry_backoff_s double precision DEFAULT '10'::double precision NOT NULL,
    not_before bigint,
    waits boolean DEFAULT false NOT NULL,
    is_low_latency boolean DEFAULT false NOT NULL,
    fire_at bigint,
    pipeline_version integer DEFAULT 1 NOT NULL,
    rerun_of text COLLATE pg_catalog."C",
    attachments text COLLATE pg_catalog."C",
    cancel_requested_at bigint,
    CONSTRAINT ck_executions_end CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['Succeeded'::text, 'Failed'::text, 'Error'::text])))),
    CONSTRAINT ck_executions_failure CHECK (((failure_kind IS NOT NULL) = (status = ANY (ARRAY['Failed'::text, 'Error'::text])))),
    CONSTRAINT ck_executions_running_has_worker CHECK (((status = 'Running'::text) <= (worker_id IS NOT NULL))),
    CONSTRAINT ck_executions_status CHECK ((status = ANY (ARRAY['Pending'::text, 'Running'::text, 'Succeeded'::text, 'Failed'::text, 'Error'::text])))
);
CREATE TABLE public.idempotency_keys (
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    execution_id text NOT NULL COLLATE pg_catalog."C",
    request_digest text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);
CREATE TABLE public.ledger (
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    fire_at bigint NOT NULL,
    fate text NOT NULL COLLATE pg_catalog."C",
    execution_id text COLLATE pg_catalog."C",
    detail text NOT NULL COLLATE pg_catalog."C",
    recorded_at bigint NOT NULL,
    recorded_by text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT ck_ledger_fate CHECK ((fate = ANY (ARRAY['ran'::text, 'caught_up'::text, 'overlapped'::text, 'paused'::text, 'missed'::text, 'failed'::text]))),
    CONSTRAINT ck_ledger_ran CHECK (((fate = ANY (ARRAY['ran'::text, 'caught_up'::text])) = (execution_id IS NOT NULL)))
);
CREATE TABLE public.list_metric_parts (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    "position" integer NOT NULL,
    doubles bytea NOT NULL
);
CREATE TABLE public.list_metrics (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    length integer NOT NULL
);
CREATE TABLE public.metrics (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    value double precision NOT NULL
);
CREATE TABLE public.passwords (
    user_id text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL COLLATE pg_catalog."C",
    changed_at bigint NOT NULL
);
CREATE TABLE public.pipeline_versions (
    id text NOT NULL COLLATE pg_catalog."C",
    pipeline_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    function_path text NOT NULL COLLATE pg_catalog."C",
    function_name text NOT NULL COLLATE pg_catalog."C",
    inputs text NOT NULL COLLATE pg_catalog."C",
    outputs text NOT NULL COLLATE pg_catalog."C",
    config text NOT NULL COLLATE pg_catalog."C",
    origin text NOT NULL COLLATE pg_catalog."C",
    bundle text NOT NULL COLLATE pg_catalog."C",
    commit_id text COLLATE pg_catalog."C",
    message text COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    environment text COLLATE pg_catalog."C",
    failure text COLLATE pg_catalog."C",
    calling text DEFAULT 'platform'::text NOT NULL COLLATE pg_catalog."C",
    discarded_at bigint,
    is_forced boolean DEFAULT false NOT NULL,
    held_back text COLLATE pg_catalog."C",
    template text COLLATE pg_catalog."C",
    CONSTRAINT ck_pipeline_versions_number CHECK ((number >= 1)),
    CONSTRAINT ck_pipeline_versions_ready_has_environment CHECK (((status = 'ready'::text) <= (environment IS NOT NULL))),
    CONSTRAINT ck_pipeline_versions_status CHECK ((status = ANY (ARRAY['creation_pending'::text, 'ready'::text, 'creation_failed'::text])))
);
CREATE TABLE public.pipelines (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    description text COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    step_name text COLLATE pg_catalog."C",
    current_version integer DEFAULT 1 NOT NULL,
    deleted_at bigint
);
CREATE TABLE public.pod_samples (
    pod_id text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    worker text NOT NULL COLLATE pg_catalog."C",
    step integer NOT NULL,
    seconds double precision NOT NULL,
    cpu double precision NOT NULL,
    memory bigint NOT NULL,
    read bigint,
    written bigint
);
CREATE TABLE public.removed_users (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL COLLATE pg_catalog."C",
    removed_at bigint NOT NULL
);
CREATE TABLE public.reruns (
    execution_id text NOT NULL COLLATE pg_catalog."C",
    rerun_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.resource_samples (
    worker text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    seconds integer NOT NULL,
    cpu double precision NOT NULL,
    ram double precision NOT NULL,
    disk double precision NOT NULL,
    received bigint NOT NULL,
    sent bigint NOT NULL,
    gpu double precision,
    vram double precision
);
CREATE TABLE public.schedule_revisions (
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    since bigint NOT NULL,
    until bigint,
    deployment_name text NOT NULL COLLATE pg_catalog."C",
    expression text NOT NULL COLLATE pg_catalog."C",
    timezone text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT ck_schedule_revisions_until CHECK (((until IS NULL) OR (until >= since)))
);
CREATE TABLE public.schedules (
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    expression text NOT NULL COLLATE pg_catalog."C",
    timezone text NOT NULL COLLATE pg_catalog."C",
    missed text NOT NULL COLLATE pg_catalog."C",
    missed_window_s double precision NOT NULL,
    overlap text NOT NULL COLLATE pg_catalog."C",
    jitter_s double precision NOT NULL,
    next_fire_at bigint NOT NULL,
    due_at bigint NOT NULL,
    CONSTRAINT ck_schedules_due CHECK ((due_at >= next_fire_at)),
    CONSTRAINT ck_schedules_missed CHECK ((missed = ANY (ARRAY['skip'::text, 'latest'::text, 'all'::text]))),
    CONSTRAINT ck_schedules_overlap CHECK ((overlap = ANY (ARRAY['parallel'::text, 'skip'::text, 'queue_one'::text, 'cancel_running'::text])))
);
CREATE TABLE public.sdk_tokens (
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);
CREATE TABLE public.sessions (
    digest text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    sdk_token_id text COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL
);
CREATE TABLE public.settings (
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.users (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL
);
CREATE TABLE public.variables (
    name text NOT NULL COLLATE pg_catalog."C",
    sealed_value bytea NOT NULL,
    updated_at bigint NOT NULL
);
CREATE TABLE public.workers (
    id text NOT NULL COLLATE pg_catalog."C",
    started_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY public.activity_counts
    ADD CONSTRAINT pk_activity_counts PRIMARY KEY (whose, step_s, begin_s, bin);
ALTER TABLE ONLY public.activity_open
    ADD CONSTRAINT pk_activity_open PRIMARY KEY (execution_id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (execution_id, attempt);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT pk_deployments PRIMARY KEY (id);
ALTER TABLE ONLY public.execution_samples
    ADD CONSTRAINT pk_execution_samples PRIMARY KEY (execution_id, at_ms);
ALTER TABLE ONLY public.execution_usages
    ADD CONSTRAINT pk_execution_usages PRIMARY KEY (execution_id);
ALTER TABLE ONLY public.executions
    ADD CONSTRAINT pk_executions PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (deployment_id, key);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT pk_ledger PRIMARY KEY (deployment_id, fire_at);
ALTER TABLE ONLY public.list_metric_parts
    ADD CONSTRAINT pk_list_metric_parts PRIMARY KEY (execution_id, name, "position");
ALTER TABLE ONLY public.list_metrics
    ADD CONSTRAINT pk_list_metrics PRIMARY KEY (execution_id, name);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT pk_metrics PRIMARY KEY (execution_id, name);
ALTER TABLE ONLY public.passwords
    ADD CONSTRAINT pk_passwords PRIMARY KEY (user_id);
ALTER TABLE ONLY public.pipeline_versions
    ADD CONSTRAINT pk_pipeline_versions PRIMARY KEY (id);
ALTER TABLE ONLY public.pipelines
    ADD CONSTRAINT pk_pipelines PRIMARY KEY (id);
ALTER TABLE ONLY public.pod_samples
    ADD CONSTRAINT pk_pod_samples PRIMARY KEY (pod_id, at_ms);
ALTER TABLE ONLY public.removed_users
    ADD CONSTRAINT pk_removed_users PRIMARY KEY (id);
ALTER TABLE ONLY public.reruns
    ADD CONSTRAINT pk_reruns PRIMARY KEY (execution_id);
ALTER TABLE ONLY public.resource_samples
    ADD CONSTRAINT pk_resource_samples PRIMARY KEY (worker, at_ms);
ALTER TABLE ONLY public.schedule_revisions
    ADD CONSTRAINT pk_schedule_revisions PRIMARY KEY (deployment_id, since);
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT pk_schedules PRIMARY KEY (deployment_id);
ALTER TABLE ONLY public.sdk_tokens
    ADD CONSTRAINT pk_sdk_tokens PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (digest);
ALTER TABLE ONLY public.settings
    ADD CONSTRAINT pk_settings PRIMARY KEY (key);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);
ALTER TABLE ONLY public.variables
    ADD CONSTRAINT pk_variables PRIMARY KEY (name);
ALTER TABLE ONLY public.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT uq_deployments_name UNIQUE (name);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT uq_deployments_url_path UNIQUE (url_path);
ALTER TABLE ONLY public.pipeline_versions
    ADD CONSTRAINT uq_pipeline_versions_pipeline_id_number UNIQUE (pipeline_id, number);
ALTER TABLE ONLY public.pipelines
    ADD CONSTRAINT uq_pipelines_name UNIQUE (name);
ALTER TABLE ONLY public.sdk_tokens
    ADD CONSTRAINT uq_sdk_tokens_digest UNIQUE (digest);
ALTER TABLE ONLY public.sdk_tokens
    ADD CONSTRAINT uq_sdk_tokens_name UNIQUE (name);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_email UNIQUE (email);
CREATE INDEX ix_deployments_deleted_at ON public.deployments USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX ix_deployments_pipeline_id ON public.deployments USING btree (pipeline_id);
CREATE INDEX ix_execution_samples_step_at_ms ON public.execution_samples USING btree (step, at_ms);
CREATE INDEX ix_executions_deployment_id_id ON public.executions USING btree (deployment_id, id) WHERE (deployment_id IS NOT NULL);
CREATE INDEX ix_executions_failed ON public.executions USING btree (status, id) WHERE (failure_kind IS NOT NULL);
CREATE INDEX ix_executions_failed_of_deployment ON public.executions USING btree (deployment_id, status, id) WHERE (failure_kind IS NOT NULL);
CREATE INDEX ix_executions_failed_of_pipeline ON public.executions USING btree (pipeline_id, status, id) WHERE (failure_kind IS NOT NULL);
CREATE INDEX ix_executions_pipeline_id_id ON public.executions USING btree (pipeline_id, id);
CREATE INDEX ix_executions_unfinished ON public.executions USING btree (status, id) WHERE (ended_at IS NULL);
CREATE INDEX ix_executions_unfinished_of ON public.executions USING btree (deployment_id, id) WHERE (ended_at IS NULL);
CREATE INDEX ix_idempotency_keys_created_at ON public.idempotency_keys USING btree (created_at);
CREATE INDEX ix_idempotency_keys_execution_id ON public.idempotency_keys USING btree (execution_id);
CREATE INDEX ix_ledger_fire_at ON public.ledger USING btree (fire_at);
CREATE INDEX ix_ledger_unfired ON public.ledger USING btree (fire_at) WHERE (execution_id IS NULL);
CREATE INDEX ix_list_metrics_name_execution_id ON public.list_metrics USING btree (name, execution_id);
CREATE INDEX ix_metrics_name_execution_id ON public.metrics USING btree (name, execution_id);
CREATE INDEX ix_pipelines_deleted_at ON public.pipelines USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX ix_pod_samples_deployment_id_at_ms ON public.pod_samples USING btree (deployment_id, at_ms);
CREATE INDEX ix_pod_samples_step_at_ms ON public.pod_samples USING btree (step, at_ms);
CREATE INDEX ix_schedule_revisions_deployment_name ON public.schedule_revisions USING btree (deployment_name);
CREATE INDEX ix_schedules_due_at ON public.schedules USING btree (due_at);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT fk_deployments_pipeline_id FOREIGN KEY (pipeline_id) REFERENCES public.pipelines(id);
ALTER TABLE ONLY public.execution_samples
    ADD CONSTRAINT fk_execution_samples_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.execution_usages
    ADD CONSTRAINT fk_execution_usages_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.executions
    ADD CONSTRAINT fk_executions_deployment_id FOREIGN KEY (deployment_id) REFERENCES public.deployments(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.executions
    ADD CONSTRAINT fk_executions_pipeline_id FOREIGN KEY (pipeline_id) REFERENCES public.pipelines(id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_deployment_id FOREIGN KEY (deployment_id) REFERENCES public.deployments(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.list_metric_parts
    ADD CONSTRAINT fk_list_metric_parts_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.list_metrics
    ADD CONSTRAINT fk_list_metrics_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT fk_metrics_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.passwords
    ADD CONSTRAINT fk_passwords_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.pipeline_versions
    ADD CONSTRAINT fk_pipeline_versions_pipeline_id FOREIGN KEY (pipeline_id) REFERENCES public.pipelines(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.reruns
    ADD CONSTRAINT fk_reruns_execution_id FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT fk_schedules_deployment_id FOREIGN KEY (deployment_id) REFERENCES public.deployments(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sdk_tokens
    ADD CONSTRAINT fk_sdk_tokens_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_sdk_token_id FOREIGN KEY (sdk_token_id) REFERENCES public.sdk_tokens(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
INSERT INTO alembic_version VALUES ('0018');
