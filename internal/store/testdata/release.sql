-- ENCRYPTION_KEY=H6xJ501huwoEGVszYNjCY9Bks5l9wlBkMLUZZQXMcGs=
--
-- PostgreSQL database dump
--

\restrict hJ3bSPmpO7fcsspZBDRuTAJrMinEGp0auiCrduPRLTkfHBgLBjeJrBZqS8gz4XG

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audit_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;


--
-- Name: audit_stamp(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audit_stamp() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.at := clock_timestamp();
    RETURN NEW;
END $$;


--
-- Name: erasure_heard(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.erasure_heard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO erasure (connection_id, contact_id, source, occurred_at)
    SELECT DISTINCT ON (h.connection_id, h.contact_id)
           h.connection_id, h.contact_id, CASE WHEN h.requested THEN 'request' ELSE 'hubspot' END, h.occurred_at
      FROM heard h
     WHERE h.kind = 'erased'
     ORDER BY h.connection_id, h.contact_id, h.id
    ON CONFLICT (connection_id, contact_id) WHERE forgotten_at IS NULL AND doubted_at IS NULL DO NOTHING;
    RETURN NULL;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: advocate_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.advocate_event (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    event_id text NOT NULL,
    kind text NOT NULL,
    export_id text DEFAULT ''::text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    handled_at timestamp with time zone,
    CONSTRAINT advocate_event_check CHECK (((kind = 'export_completed'::text) = (export_id <> ''::text))),
    CONSTRAINT advocate_event_event_id_check CHECK ((event_id <> ''::text)),
    CONSTRAINT advocate_event_kind_check CHECK ((kind = ANY (ARRAY['participant_created'::text, 'export_completed'::text])))
);


--
-- Name: advocate_event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.advocate_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.advocate_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: advocate_subscription; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.advocate_subscription (
    connection_id text NOT NULL,
    endpoint_url text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    tried_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: agreement; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agreement (
    connection_id text NOT NULL,
    agreed_at timestamp with time zone NOT NULL,
    pairs bigint NOT NULL,
    repaired bigint NOT NULL,
    left_to_people bigint NOT NULL
);


--
-- Name: api_token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_token (
    id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_token_check CHECK ((expires_at > created_at)),
    CONSTRAINT api_token_created_by_check CHECK ((created_by <> ''::text)),
    CONSTRAINT api_token_id_check CHECK ((id ~ '^[a-z2-7]{10}$'::text)),
    CONSTRAINT api_token_name_check CHECK ((name <> ''::text)),
    CONSTRAINT api_token_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'privacy'::text, 'admin'::text])))
);


--
-- Name: audit_entry; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_entry (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    token_id text NOT NULL,
    role text NOT NULL,
    operation text NOT NULL,
    connection_id text NOT NULL,
    subject text NOT NULL,
    request_id text NOT NULL,
    remote text NOT NULL,
    CONSTRAINT audit_entry_actor_check CHECK ((actor <> ''::text)),
    CONSTRAINT audit_entry_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['token'::text, 'bootstrap'::text, 'local'::text]))),
    CONSTRAINT audit_entry_check CHECK (((token_id <> ''::text) = (actor_kind = 'token'::text))),
    CONSTRAINT audit_entry_operation_check CHECK ((operation <> ''::text)),
    CONSTRAINT audit_entry_request_id_check CHECK ((request_id <> ''::text)),
    CONSTRAINT audit_entry_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'privacy'::text, 'admin'::text]))),
    CONSTRAINT audit_entry_subject_check CHECK ((subject ~ '^([a-z]+:[a-z0-9,-]+( [a-z]+:[a-z0-9,-]+)*)?$'::text))
);


--
-- Name: audit_entry_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit_entry ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_outcome; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_outcome (
    audit_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    code text NOT NULL,
    subject text NOT NULL,
    CONSTRAINT audit_outcome_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'refused'::text, 'failed'::text]))),
    CONSTRAINT audit_outcome_subject_check CHECK ((subject ~ '^([a-z]+:[a-z0-9,-]+( [a-z]+:[a-z0-9,-]+)*)?$'::text))
);


--
-- Name: budget; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.budget (
    portal_id bigint NOT NULL,
    granted timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    paused_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    live_waiting_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    bulk_next_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL
);


--
-- Name: connect_intent; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.connect_intent (
    id text NOT NULL,
    link_hash bytea NOT NULL,
    wanted bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state_hash bytea,
    browser_hash bytea,
    connection_id text,
    failure text DEFAULT ''::text NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT connect_intent_check CHECK (((state_hash IS NULL) = (browser_hash IS NULL))),
    CONSTRAINT connect_intent_check1 CHECK (((finished_at IS NULL) = (connection_id IS NULL))),
    CONSTRAINT connect_intent_check2 CHECK (((finished_at IS NULL) OR ((wanted = '\x'::bytea) AND (state_hash IS NULL)))),
    CONSTRAINT connect_intent_id_check CHECK ((id <> ''::text))
);


--
-- Name: connection; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.connection (
    id text NOT NULL,
    portal_id bigint NOT NULL,
    tenant text NOT NULL,
    program text NOT NULL,
    rule_participant_created boolean NOT NULL,
    rule_participant_updated boolean NOT NULL,
    rule_contact_created boolean NOT NULL,
    rule_contact_updated boolean NOT NULL,
    share_pii_updates boolean NOT NULL,
    contact_id_field text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    status_reason text DEFAULT ''::text NOT NULL,
    report_watermark timestamp with time zone,
    credentials bytea NOT NULL,
    credentials_revision integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    switching boolean DEFAULT false NOT NULL,
    paused_at timestamp with time zone,
    impact_refused_at timestamp with time zone,
    impact_refusal text DEFAULT ''::text NOT NULL,
    refusals jsonb DEFAULT '[]'::jsonb NOT NULL,
    deletion_guard integer,
    CONSTRAINT connection_contact_id_field_check CHECK ((contact_id_field <> ''::text)),
    CONSTRAINT connection_deletion_guard_check CHECK ((deletion_guard >= 0)),
    CONSTRAINT connection_id_check CHECK ((id ~ '^c[a-z2-7]{9}$'::text)),
    CONSTRAINT connection_portal_id_check CHECK ((portal_id > 0)),
    CONSTRAINT connection_program_check CHECK ((program <> ''::text)),
    CONSTRAINT connection_status_check CHECK ((status = ANY (ARRAY['active'::text, 'unauthorized'::text, 'forbidden'::text, 'disconnected'::text]))),
    CONSTRAINT connection_tenant_check CHECK ((tenant <> ''::text))
);


--
-- Name: contact_ledger; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.contact_ledger (
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    awaited_as_new boolean DEFAULT false NOT NULL,
    sent_hash bytea,
    written_hash bytea,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    email_hash bytea,
    written_as_of timestamp with time zone,
    write_seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT contact_ledger_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT contact_ledger_state_check CHECK ((state = ANY (ARRAY[''::text, 'mapped'::text, 'awaiting_email'::text, 'not_shared'::text, 'parked'::text, 'do_not_track'::text, 'erased'::text, 'missing'::text, 'deleted'::text, 'merged_away'::text, 'awaiting_approval'::text])))
);


--
-- Name: due_deletion; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.due_deletion (
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    state text NOT NULL,
    heard_at timestamp with time zone DEFAULT now() NOT NULL,
    waiting_since timestamp with time zone,
    CONSTRAINT due_deletion_check CHECK (((state = 'waiting'::text) <= (waiting_since IS NOT NULL))),
    CONSTRAINT due_deletion_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT due_deletion_state_check CHECK ((state = ANY (ARRAY['due'::text, 'waiting'::text, 'approved'::text, 'done'::text])))
);


--
-- Name: erasure; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.erasure (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    source text NOT NULL,
    requested_by text DEFAULT ''::text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    heard_at timestamp with time zone DEFAULT now() NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    deleted_at timestamp with time zone,
    checked_at timestamp with time zone,
    forgotten_at timestamp with time zone,
    doubted_at timestamp with time zone,
    participants integer DEFAULT 0 NOT NULL,
    contacts integer DEFAULT 0 NOT NULL,
    orphaned integer DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    problem text DEFAULT ''::text NOT NULL,
    tried_at timestamp with time zone,
    CONSTRAINT erasure_check CHECK (((requested_by <> ''::text) = (source = 'operator'::text))),
    CONSTRAINT erasure_check1 CHECK (((forgotten_at IS NULL) OR (doubted_at IS NULL))),
    CONSTRAINT erasure_check2 CHECK (((forgotten_at IS NULL) OR ((verified_at IS NOT NULL) AND (blocked_at IS NOT NULL) AND (deleted_at IS NOT NULL) AND (checked_at IS NOT NULL)))),
    CONSTRAINT erasure_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT erasure_source_check CHECK ((source = ANY (ARRAY['hubspot'::text, 'request'::text, 'operator'::text])))
);


--
-- Name: erasure_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.erasure ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.erasure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: form_cursor; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.form_cursor (
    connection_id text NOT NULL,
    form text NOT NULL,
    read_to timestamp with time zone NOT NULL,
    polled_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT form_cursor_form_check CHECK ((form <> ''::text))
);


--
-- Name: form_submission; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.form_submission (
    connection_id text NOT NULL,
    form text NOT NULL,
    submission text NOT NULL,
    submitted_at timestamp with time zone NOT NULL,
    CONSTRAINT form_submission_submission_check CHECK ((submission <> ''::text))
);


--
-- Name: former_mapping; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.former_mapping (
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    account_id text NOT NULL,
    user_id text NOT NULL,
    by_email boolean NOT NULL,
    ending text NOT NULL,
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    email_hash bytea,
    CONSTRAINT former_mapping_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT former_mapping_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT former_mapping_ending_check CHECK ((ending = ANY (ARRAY['deleted'::text, 'unmapped'::text, 'merged'::text, 'remapped'::text, 'removed'::text]))),
    CONSTRAINT former_mapping_user_id_check CHECK ((user_id <> ''::text))
);


--
-- Name: hubspot_token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hubspot_token (
    connection_id text NOT NULL,
    tokens bytea NOT NULL,
    generation bigint DEFAULT 1 NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    refreshing_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    ended boolean DEFAULT false NOT NULL,
    client_id text DEFAULT ''::text NOT NULL
);


--
-- Name: inbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbox (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    kind text NOT NULL,
    property text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    dedupe_key text NOT NULL,
    echo boolean NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    relayed_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    requested boolean DEFAULT false NOT NULL,
    CONSTRAINT inbox_check CHECK (((NOT echo) OR (relayed_at IS NOT NULL))),
    CONSTRAINT inbox_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT inbox_dedupe_key_check CHECK ((dedupe_key <> ''::text)),
    CONSTRAINT inbox_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'updated'::text, 'deleted'::text, 'erased'::text, 'restored'::text, 'merged'::text, 'resync'::text])))
);


--
-- Name: inbox_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.inbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: installation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.installation (
    only_row boolean DEFAULT true NOT NULL,
    pepper bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    token_endpoint_paused_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT installation_only_row_check CHECK (only_row)
);


--
-- Name: mapping; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mapping (
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    account_id text NOT NULL,
    user_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    by_email boolean DEFAULT false NOT NULL,
    email_hash bytea,
    CONSTRAINT mapping_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT mapping_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT mapping_user_id_check CHECK ((user_id <> ''::text))
);


--
-- Name: mass_wish; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mass_wish (
    run_id bigint NOT NULL,
    wish text DEFAULT ''::text NOT NULL,
    CONSTRAINT mass_wish_wish_check CHECK ((wish = ANY (ARRAY[''::text, 'pause'::text, 'cancel'::text])))
);


--
-- Name: merged_contact; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.merged_contact (
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    heir_id text NOT NULL,
    merged_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT merged_contact_check CHECK (((heir_id <> ''::text) AND (heir_id <> contact_id))),
    CONSTRAINT merged_contact_contact_id_check CHECK ((contact_id <> ''::text))
);


--
-- Name: object_inbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.object_inbox (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL,
    kind text NOT NULL,
    property text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    dedupe_key text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    relayed_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT object_inbox_check CHECK (((property <> ''::text) = (kind = 'changed'::text))),
    CONSTRAINT object_inbox_dedupe_key_check CHECK ((dedupe_key <> ''::text)),
    CONSTRAINT object_inbox_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'changed'::text, 'recheck'::text]))),
    CONSTRAINT object_inbox_object_id_check CHECK ((object_id <> ''::text)),
    CONSTRAINT object_inbox_object_type_check CHECK ((object_type = ANY (ARRAY['contact'::text, 'deal'::text, 'company'::text])))
);


--
-- Name: object_inbox_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.object_inbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.object_inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: parked_item; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.parked_item (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    contact_id text NOT NULL,
    account_id text NOT NULL,
    user_id text NOT NULL,
    cause text NOT NULL,
    advice text NOT NULL,
    words text NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    outcome text,
    retry_run bigint,
    tracked_event_id bigint,
    hints jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT parked_item_cause_check CHECK ((cause <> ''::text)),
    CONSTRAINT parked_item_check CHECK (((contact_id <> ''::text) OR ((account_id <> ''::text) AND (user_id <> ''::text)))),
    CONSTRAINT parked_item_check1 CHECK (((closed_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT parked_item_outcome_check CHECK ((outcome = ANY (ARRAY['resolved'::text, 'retried'::text, 'discarded'::text])))
);


--
-- Name: parked_item_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.parked_item ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.parked_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: participant_ledger; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.participant_ledger (
    connection_id text NOT NULL,
    identity_hash bytea NOT NULL,
    row_hash bytea NOT NULL,
    handled_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: program_switch; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.program_switch (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    from_program text NOT NULL,
    to_program text NOT NULL,
    in_place boolean NOT NULL,
    mass_sync boolean NOT NULL,
    state text DEFAULT 'holding'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    refresh_run bigint,
    revisited bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    connected_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT program_switch_check CHECK (((to_program <> ''::text) AND (to_program <> from_program))),
    CONSTRAINT program_switch_check1 CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'refused'::text])))),
    CONSTRAINT program_switch_check2 CHECK (((state <> ALL (ARRAY['restoring'::text, 'refused'::text])) OR (reason <> ''::text))),
    CONSTRAINT program_switch_check3 CHECK (((state <> 'done'::text) OR (reason = ''::text))),
    CONSTRAINT program_switch_from_program_check CHECK ((from_program <> ''::text)),
    CONSTRAINT program_switch_state_check CHECK ((state = ANY (ARRAY['holding'::text, 'archiving'::text, 'creating'::text, 'restoring'::text, 'refreshing'::text, 'done'::text, 'refused'::text])))
);


--
-- Name: program_switch_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.program_switch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.program_switch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: program_switch_property; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.program_switch_property (
    switch_id bigint NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    words text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT program_switch_property_name_check CHECK ((name <> ''::text)),
    CONSTRAINT program_switch_property_outcome_check CHECK ((outcome = ANY (ARRAY['waiting'::text, 'kept'::text, 'in_use'::text, 'archived'::text, 'created'::text, 'restored'::text, 'refused'::text])))
);


--
-- Name: reconcile; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reconcile (
    run_id bigint NOT NULL,
    step text DEFAULT 'live'::text NOT NULL,
    list_after text DEFAULT ''::text NOT NULL,
    contacts bigint DEFAULT 0 NOT NULL,
    archived bigint DEFAULT 0 NOT NULL,
    pairs bigint DEFAULT 0 NOT NULL,
    page_rows bigint DEFAULT 0 NOT NULL,
    CONSTRAINT reconcile_step_check CHECK ((step = ANY (ARRAY['live'::text, 'archived'::text, 'listed'::text, 'compared'::text])))
);


--
-- Name: reconcile_contact; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reconcile_contact (
    run_id bigint NOT NULL,
    contact_id text NOT NULL,
    presence text NOT NULL,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    read_at timestamp with time zone NOT NULL,
    contact_hash bytea NOT NULL,
    email_hash bytea,
    named_hash bytea,
    half_pair boolean NOT NULL,
    shared_hash bytea,
    inputs_hash bytea,
    plain_inputs_hash bytea,
    has_inputs boolean NOT NULL,
    mapped_hash bytea,
    CONSTRAINT reconcile_contact_contact_id_check CHECK ((contact_id <> ''::text)),
    CONSTRAINT reconcile_contact_presence_check CHECK ((presence = ANY (ARRAY['live'::text, 'archived'::text, 'merged'::text, 'missing'::text])))
);


--
-- Name: reconcile_count; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reconcile_count (
    run_id bigint NOT NULL,
    class text NOT NULL,
    outcome text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT reconcile_count_n_check CHECK ((n > 0))
);


--
-- Name: reconcile_finding; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reconcile_finding (
    run_id bigint NOT NULL,
    id bigint NOT NULL,
    class text NOT NULL,
    repair text NOT NULL,
    contact_id text NOT NULL,
    ordinal bigint,
    hinted_at timestamp with time zone,
    outcome text,
    CONSTRAINT reconcile_finding_check CHECK (((contact_id <> ''::text) OR (ordinal IS NOT NULL))),
    CONSTRAINT reconcile_finding_class_check CHECK ((class <> ''::text)),
    CONSTRAINT reconcile_finding_outcome_check CHECK ((outcome = ANY (ARRAY['repaired'::text, 'parked'::text, 'guarded'::text, 'waiting'::text, 'foretold'::text]))),
    CONSTRAINT reconcile_finding_repair_check CHECK ((repair <> ''::text))
);


--
-- Name: reconcile_finding_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.reconcile_finding ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reconcile_finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: schedule_pause; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schedule_pause (
    schedule_id text NOT NULL,
    connection_id text NOT NULL,
    note text NOT NULL,
    kept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedule_pause_schedule_id_check CHECK ((schedule_id <> ''::text))
);


--
-- Name: schema_migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: staged_participant; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.staged_participant (
    run_id bigint NOT NULL,
    ordinal bigint NOT NULL,
    account_id text NOT NULL,
    user_id text NOT NULL,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    referral_code text NOT NULL,
    share_link text NOT NULL,
    contact_id_hint text NOT NULL,
    date_created timestamp with time zone,
    row_hash bytea NOT NULL,
    shared_hash bytea NOT NULL,
    email_hash bytea,
    identity_hash bytea NOT NULL,
    plan text,
    page integer,
    state text DEFAULT 'staged'::text NOT NULL,
    result text,
    CONSTRAINT staged_participant_check CHECK (((state = 'staged'::text) = (plan IS NULL))),
    CONSTRAINT staged_participant_check1 CHECK (((state = ANY (ARRAY['done'::text, 'parked'::text])) = (result IS NOT NULL))),
    CONSTRAINT staged_participant_check2 CHECK (((state = 'parked'::text) = (NOT (result IS DISTINCT FROM 'parked'::text)))),
    CONSTRAINT staged_participant_check3 CHECK (((state <> ALL (ARRAY['planned'::text, 'sending'::text])) OR (page IS NOT NULL))),
    CONSTRAINT staged_participant_identity_check CHECK (((account_id = ''::text) = (user_id = ''::text))),
    CONSTRAINT staged_participant_page_check CHECK ((page >= 1)),
    CONSTRAINT staged_participant_plan_check CHECK ((plan = ANY (ARRAY['unchanged'::text, 'update'::text, 'match_or_create'::text, 'blocked'::text, 'no_email'::text]))),
    CONSTRAINT staged_participant_result_check CHECK ((result = ANY (ARRAY['created'::text, 'matched'::text, 'updated'::text, 'unchanged'::text, 'blocked'::text, 'no_email'::text, 'parked'::text]))),
    CONSTRAINT staged_participant_state_check CHECK ((state = ANY (ARRAY['staged'::text, 'planned'::text, 'sending'::text, 'done'::text, 'parked'::text])))
)
WITH (fillfactor='70');


--
-- Name: sync_run; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sync_run (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    kind text NOT NULL,
    state text DEFAULT 'requested'::text NOT NULL,
    program text NOT NULL,
    since timestamp with time zone,
    export_id text DEFAULT ''::text NOT NULL,
    exported_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    pages integer DEFAULT 0 NOT NULL,
    total bigint DEFAULT 0 NOT NULL,
    to_update bigint DEFAULT 0 NOT NULL,
    to_match_or_create bigint DEFAULT 0 NOT NULL,
    created bigint DEFAULT 0 NOT NULL,
    matched bigint DEFAULT 0 NOT NULL,
    updated bigint DEFAULT 0 NOT NULL,
    unchanged bigint DEFAULT 0 NOT NULL,
    blocked bigint DEFAULT 0 NOT NULL,
    no_email bigint DEFAULT 0 NOT NULL,
    parked bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    dry_run boolean DEFAULT false NOT NULL,
    as_of timestamp with time zone,
    hubspot_calls bigint DEFAULT 0 NOT NULL,
    advocate_calls bigint DEFAULT 0 NOT NULL,
    rate double precision DEFAULT 0 NOT NULL,
    rate_since timestamp with time zone,
    rate_at timestamp with time zone,
    mapped_only boolean DEFAULT false NOT NULL,
    staging bigint DEFAULT 0 NOT NULL,
    verify boolean DEFAULT false NOT NULL,
    CONSTRAINT sync_run_check2 CHECK (((kind = 'report'::text) = (since IS NOT NULL))),
    CONSTRAINT sync_run_dry_check CHECK (((kind = ANY (ARRAY['mass'::text, 'reconcile'::text])) OR (NOT dry_run))),
    CONSTRAINT sync_run_exported_check CHECK (((state = ANY (ARRAY['requested'::text, 'aborted'::text, 'cancelled'::text])) OR (exported_at IS NOT NULL))),
    CONSTRAINT sync_run_finished_check CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'aborted'::text, 'cancelled'::text])))),
    CONSTRAINT sync_run_kind_check CHECK ((kind = ANY (ARRAY['report'::text, 'mass'::text, 'retry'::text, 'reconcile'::text]))),
    CONSTRAINT sync_run_mapped_check CHECK (((kind = 'mass'::text) OR (NOT mapped_only))),
    CONSTRAINT sync_run_program_check CHECK ((program <> ''::text)),
    CONSTRAINT sync_run_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'staged'::text, 'planned'::text, 'done'::text, 'aborted'::text, 'cancelled'::text]))),
    CONSTRAINT sync_run_verify_check CHECK (((kind = 'mass'::text) OR (NOT verify)))
);


--
-- Name: sync_run_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.sync_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sync_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: tombstone; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tombstone (
    connection_id text NOT NULL,
    key_hash bytea NOT NULL,
    do_not_track boolean DEFAULT true NOT NULL,
    erased_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: tracked_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tracked_event (
    id bigint NOT NULL,
    connection_id text NOT NULL,
    trigger_id text NOT NULL,
    trigger_version integer NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL,
    property text NOT NULL,
    form text NOT NULL,
    submission text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    order_id text NOT NULL,
    contact_id text NOT NULL,
    candidates text[] NOT NULL,
    state text NOT NULL,
    reversal boolean NOT NULL,
    reason text NOT NULL,
    words text DEFAULT ''::text NOT NULL,
    request bytea,
    receipt text DEFAULT ''::text NOT NULL,
    wait_until timestamp with time zone,
    woken_at timestamp with time zone,
    poll_at timestamp with time zone,
    polls integer DEFAULT 0 NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    decided_at timestamp with time zone,
    unanswered integer DEFAULT 0 NOT NULL,
    held_at timestamp with time zone,
    CONSTRAINT tracked_event_check1 CHECK (((state = ANY (ARRAY['waiting'::text, 'skipped'::text])) OR (contact_id <> ''::text))),
    CONSTRAINT tracked_event_check2 CHECK (((state <> 'waiting'::text) OR (wait_until IS NOT NULL))),
    CONSTRAINT tracked_event_check3 CHECK (((state <> 'sent'::text) OR ((poll_at IS NOT NULL) AND (receipt <> ''::text)))),
    CONSTRAINT tracked_event_check4 CHECK (((state <> 'reversed'::text) OR reversal)),
    CONSTRAINT tracked_event_check5 CHECK (((state <> ALL (ARRAY['waiting'::text, 'skipped'::text, 'complete'::text])) OR (NOT reversal))),
    CONSTRAINT tracked_event_object_id_check CHECK ((object_id <> ''::text)),
    CONSTRAINT tracked_event_object_type_check CHECK ((object_type = ANY (ARRAY['contact'::text, 'deal'::text, 'company'::text]))),
    CONSTRAINT tracked_event_order_id_check CHECK ((order_id <> ''::text)),
    CONSTRAINT tracked_event_request CHECK (
CASE state
    WHEN 'pending'::text THEN (request IS NOT NULL)
    WHEN 'error'::text THEN true
    ELSE (request IS NULL)
END),
    CONSTRAINT tracked_event_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'pending'::text, 'sent'::text, 'complete'::text, 'error'::text, 'skipped'::text, 'reversed'::text]))),
    CONSTRAINT tracked_event_trigger_id_check CHECK ((trigger_id <> ''::text)),
    CONSTRAINT tracked_event_unanswered_check CHECK ((unanswered >= 0))
);


--
-- Name: tracked_event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tracked_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tracked_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: trigger_definition; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trigger_definition (
    connection_id text NOT NULL,
    trigger_id text NOT NULL,
    version integer NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT trigger_definition_trigger_id_check CHECK ((trigger_id ~ '^[a-z][a-z0-9-]{0,39}$'::text)),
    CONSTRAINT trigger_definition_version_check CHECK ((version > 0))
);


--
-- Name: trigger_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trigger_version (
    connection_id text NOT NULL,
    trigger_id text NOT NULL,
    version integer NOT NULL,
    source text NOT NULL,
    schema jsonb NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT trigger_version_source_check CHECK ((source <> ''::text)),
    CONSTRAINT trigger_version_version_check CHECK ((version > 0))
);


--
-- Data for Name: advocate_event; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: advocate_subscription; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: agreement; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: api_token; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_entry; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_entry OVERRIDING SYSTEM VALUE VALUES (1, '2026-11-28 22:32:16.081006+00', 'local', 'root', '', 'admin', 'connect', '', '', '3hgx24xxkgy2j5ol', '');


--
-- Data for Name: audit_outcome; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_outcome VALUES (1, '2026-11-28 22:32:16.400353+00', 'done', '', 'connection:cstyrzlpql');


--
-- Data for Name: budget; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.budget VALUES (4711001, '{"2026-11-28 22:32:16.791066+00","2026-11-28 22:32:17.006671+00"}', '1970-01-01 00:00:00+00', '1970-01-01 00:00:00+00', '2026-11-28 22:32:16.97822+00');


--
-- Data for Name: connect_intent; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: connection; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.connection VALUES ('cstyrzlpql', 4711001, 'aboih12h16t', '47255', true, true, true, true, false, 'hubspot_contact_id', 'active', '', '2026-11-28 22:32:19.573+00', '\xc690b4501bfc653665835ba33f2ce9ac0059bc6294800a84dbdd711deb3109d6587db29b87c9ebd491032e6cfe02fa3e49e614e5ffc5f2a3843f0faff4afe67857b00d8921c842464ab8ef3f068ec1a04ed8dc17d1ba30cda372817e15a286a2c81ad52deaf1f952149d924d0e7d7763ef3130596cd69c9ce3bf8997ce1f06e75de3fad7edb07c54dd38bf3236a101ff3451c7f3931033d9dcda399581a476c1e1aaee190c2f02a586ae39558079aa14a5351cb1663b5acabc54c92e13d0c9460d40437026ef32ddf28982684d', 1, '2026-11-28 22:32:16.196366+00', '2026-11-28 22:32:16.196366+00', false, NULL, NULL, '', '[]', NULL);


--
-- Data for Name: contact_ledger; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.contact_ledger VALUES ('cstyrzlpql', '508000000001', 'mapped', 'contact_created', false, '\x0ef5fb6fc7e7f19f31bfd3c56c8676e0316169290c05f868b16a72ababc3e6a1', '\x82a1fc628a4ff7bc23ab32ae91dfc589abdbd21c0f6ff3b4e53faffb6d56817a', '2026-11-28 22:32:17.021595+00', '\xed5a1f1622e53d1e385c8992c2fbb70989a7b30016548a2a7b629d2b28c833e4', '2026-11-28 22:32:17.021595+00', 1);


--
-- Data for Name: due_deletion; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: erasure; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: form_cursor; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: form_submission; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: former_mapping; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: hubspot_token; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox OVERRIDING SYSTEM VALUE VALUES (1, 'cstyrzlpql', '508000000001', 'created', '', '2026-11-28 22:32:16.483+00', '1d4b66c793a25094fd571c885b9ef7e8', false, '2026-11-28 22:32:16.559815+00', '2026-11-28 22:32:16.654044+00', 0, '2026-11-28 22:32:31.6009+00', false);
INSERT INTO public.inbox OVERRIDING SYSTEM VALUE VALUES (2, 'cstyrzlpql', '508000000001', 'updated', 'email', '2026-11-28 22:32:16.483+00', '7d68bd5f847513356b38ba6810457f10', false, '2026-11-28 22:32:16.559815+00', '2026-11-28 22:32:16.654204+00', 0, '2026-11-28 22:32:31.600977+00', false);
INSERT INTO public.inbox OVERRIDING SYSTEM VALUE VALUES (3, 'cstyrzlpql', '508000000001', 'updated', 'advocate_user_id', '2026-11-28 22:32:17.011+00', '2869b6cbbb9ba19289ef0b7f7a716a60', true, '2026-11-28 22:32:17.014987+00', '2026-11-28 22:32:17.014987+00', 0, '2026-11-28 22:32:17.014987+00', false);
INSERT INTO public.inbox OVERRIDING SYSTEM VALUE VALUES (4, 'cstyrzlpql', '508000000001', 'updated', 'advocate_account_id', '2026-11-28 22:32:17.011+00', 'c5a829dabaa6dc57291464c4afee93f0', true, '2026-11-28 22:32:17.014987+00', '2026-11-28 22:32:17.014987+00', 0, '2026-11-28 22:32:17.014987+00', false);


--
-- Data for Name: installation; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.installation VALUES (true, '\xc690b45089a858fc6b9faf4378547bef47da7c9f53d24bfcc7860819409d836f53a54d99baece92d032833aea0cb2b607d356afeaa1d9b585e1f5a982db27ab5', '2026-11-28 22:32:13.684802+00', '1970-01-01 00:00:00+00');


--
-- Data for Name: mapping; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.mapping VALUES ('cstyrzlpql', '508000000001', '6f5b17707347f14e8b60f53f5ca06ba494d32c25a91e45ccd982a16c5442b47e', '6f5b17707347f14e8b60f53f5ca06ba494d32c25a91e45ccd982a16c5442b47e', '2026-11-28 22:32:16.908526+00', '2026-11-28 22:32:16.908526+00', true, '\xed5a1f1622e53d1e385c8992c2fbb70989a7b30016548a2a7b629d2b28c833e4');


--
-- Data for Name: mass_wish; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: merged_contact; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: object_inbox; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: parked_item; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: participant_ledger; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.participant_ledger VALUES ('cstyrzlpql', '\x917390f0c752941ea4ffca641c6db85f3a98db4bab7d71330229304eb66d00f2', '\x29444c59dc5f9aac68b324bf134dd789a2e591dc78c0f61f59d51ae1981baed5', '2026-11-28 22:32:18.884516+00');


--
-- Data for Name: program_switch; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: program_switch_property; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: reconcile; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: reconcile_contact; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: reconcile_count; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: reconcile_finding; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: schedule_pause; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: schema_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_migration VALUES (1, 'tables', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (2, 'set_path', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (3, 'contact_life', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (4, 'mass_sync', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (5, 'program_switch', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (6, 'refresh', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (7, 'triggers', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (8, 'oauth', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (9, 'hold', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (10, 'merged_contact', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (12, 'advocate_events', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (13, 'object_inbox', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (14, 'tracked_event', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (15, 'tracked_open', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (20, 'set_path', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (23, 'parked_hints', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (26, 'conversion_outcomes', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (29, 'token_client', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (30, 'refusals', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (32, 'indexes', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (33, 'schedule_pause', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (36, 'reconcile', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (37, 'deletion_guard', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (40, 'accountability', '2026-11-28 22:32:11.976351+00');
INSERT INTO public.schema_migration VALUES (41, 'erasure', '2026-11-28 22:32:11.976351+00');


--
-- Data for Name: staged_participant; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sync_run; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sync_run OVERRIDING SYSTEM VALUE VALUES (1, 'cstyrzlpql', 'report', 'done', '47255', '2026-11-28 22:27:16.196366+00', 'export00000001', '2026-11-28 22:32:17.844+00', '', 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, '2026-11-28 22:32:17.808676+00', '2026-11-28 22:32:18.884516+00', false, '2026-11-28 22:32:17.833084+00', 0, 4, 0, NULL, NULL, false, 1, false);
INSERT INTO public.sync_run OVERRIDING SYSTEM VALUE VALUES (2, 'cstyrzlpql', 'report', 'done', '47255', '2026-11-28 22:27:17.844+00', 'export00000002', '2026-11-28 22:32:19.573+00', '', 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, '2026-11-28 22:32:19.564641+00', '2026-11-28 22:32:20.287731+00', false, '2026-11-28 22:32:19.572637+00', 0, 4, 0, NULL, NULL, false, 1, false);


--
-- Data for Name: tombstone; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: tracked_event; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: trigger_definition; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: trigger_version; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: advocate_event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.advocate_event_id_seq', 1, false);


--
-- Name: audit_entry_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_entry_id_seq', 1, true);


--
-- Name: erasure_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.erasure_id_seq', 1, false);


--
-- Name: inbox_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.inbox_id_seq', 4, true);


--
-- Name: object_inbox_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.object_inbox_id_seq', 1, false);


--
-- Name: parked_item_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.parked_item_id_seq', 1, false);


--
-- Name: program_switch_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.program_switch_id_seq', 1, false);


--
-- Name: reconcile_finding_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.reconcile_finding_id_seq', 1, false);


--
-- Name: sync_run_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.sync_run_id_seq', 3, true);


--
-- Name: tracked_event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.tracked_event_id_seq', 1, false);


--
-- Name: advocate_event advocate_event_connection_id_event_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.advocate_event
    ADD CONSTRAINT advocate_event_connection_id_event_id_key UNIQUE (connection_id, event_id);


--
-- Name: advocate_event advocate_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.advocate_event
    ADD CONSTRAINT advocate_event_pkey PRIMARY KEY (id);


--
-- Name: advocate_subscription advocate_subscription_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.advocate_subscription
    ADD CONSTRAINT advocate_subscription_pkey PRIMARY KEY (connection_id);


--
-- Name: agreement agreement_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agreement
    ADD CONSTRAINT agreement_pkey PRIMARY KEY (connection_id);


--
-- Name: api_token api_token_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);


--
-- Name: audit_entry audit_entry_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);


--
-- Name: audit_outcome audit_outcome_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_outcome
    ADD CONSTRAINT audit_outcome_pkey PRIMARY KEY (audit_id);


--
-- Name: budget budget_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (portal_id);


--
-- Name: connect_intent connect_intent_link_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connect_intent
    ADD CONSTRAINT connect_intent_link_hash_key UNIQUE (link_hash);


--
-- Name: connect_intent connect_intent_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connect_intent
    ADD CONSTRAINT connect_intent_pkey PRIMARY KEY (id);


--
-- Name: connect_intent connect_intent_state_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connect_intent
    ADD CONSTRAINT connect_intent_state_hash_key UNIQUE (state_hash);


--
-- Name: connection connection_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connection
    ADD CONSTRAINT connection_pkey PRIMARY KEY (id);


--
-- Name: connection connection_portal_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connection
    ADD CONSTRAINT connection_portal_id_key UNIQUE (portal_id);


--
-- Name: contact_ledger contact_ledger_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact_ledger
    ADD CONSTRAINT contact_ledger_pkey PRIMARY KEY (connection_id, contact_id);


--
-- Name: due_deletion due_deletion_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.due_deletion
    ADD CONSTRAINT due_deletion_pkey PRIMARY KEY (connection_id, contact_id);


--
-- Name: erasure erasure_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT erasure_pkey PRIMARY KEY (id);


--
-- Name: form_cursor form_cursor_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.form_cursor
    ADD CONSTRAINT form_cursor_pkey PRIMARY KEY (connection_id, form);


--
-- Name: form_submission form_submission_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.form_submission
    ADD CONSTRAINT form_submission_pkey PRIMARY KEY (connection_id, form, submission);


--
-- Name: former_mapping former_mapping_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.former_mapping
    ADD CONSTRAINT former_mapping_pkey PRIMARY KEY (connection_id, contact_id, account_id, user_id);


--
-- Name: hubspot_token hubspot_token_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hubspot_token
    ADD CONSTRAINT hubspot_token_pkey PRIMARY KEY (connection_id);


--
-- Name: inbox inbox_connection_id_dedupe_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_connection_id_dedupe_key_key UNIQUE (connection_id, dedupe_key);


--
-- Name: inbox inbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);


--
-- Name: installation installation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);


--
-- Name: mapping mapping_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mapping
    ADD CONSTRAINT mapping_pkey PRIMARY KEY (connection_id, contact_id);


--
-- Name: mass_wish mass_wish_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mass_wish
    ADD CONSTRAINT mass_wish_pkey PRIMARY KEY (run_id);


--
-- Name: merged_contact merged_contact_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.merged_contact
    ADD CONSTRAINT merged_contact_pkey PRIMARY KEY (connection_id, contact_id);


--
-- Name: object_inbox object_inbox_connection_id_dedupe_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.object_inbox
    ADD CONSTRAINT object_inbox_connection_id_dedupe_key_key UNIQUE (connection_id, dedupe_key);


--
-- Name: object_inbox object_inbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.object_inbox
    ADD CONSTRAINT object_inbox_pkey PRIMARY KEY (id);


--
-- Name: parked_item parked_item_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parked_item
    ADD CONSTRAINT parked_item_pkey PRIMARY KEY (id);


--
-- Name: participant_ledger participant_ledger_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.participant_ledger
    ADD CONSTRAINT participant_ledger_pkey PRIMARY KEY (connection_id, identity_hash);


--
-- Name: program_switch program_switch_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.program_switch
    ADD CONSTRAINT program_switch_pkey PRIMARY KEY (id);


--
-- Name: program_switch_property program_switch_property_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.program_switch_property
    ADD CONSTRAINT program_switch_property_pkey PRIMARY KEY (switch_id, name);


--
-- Name: reconcile_contact reconcile_contact_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_contact
    ADD CONSTRAINT reconcile_contact_pkey PRIMARY KEY (run_id, contact_id);


--
-- Name: reconcile_count reconcile_count_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_count
    ADD CONSTRAINT reconcile_count_pkey PRIMARY KEY (run_id, class, outcome);


--
-- Name: reconcile_finding reconcile_finding_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_finding
    ADD CONSTRAINT reconcile_finding_pkey PRIMARY KEY (run_id, id);


--
-- Name: reconcile reconcile_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile
    ADD CONSTRAINT reconcile_pkey PRIMARY KEY (run_id);


--
-- Name: schedule_pause schedule_pause_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schedule_pause
    ADD CONSTRAINT schedule_pause_pkey PRIMARY KEY (schedule_id);


--
-- Name: schema_migration schema_migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);


--
-- Name: staged_participant staged_participant_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.staged_participant
    ADD CONSTRAINT staged_participant_pkey PRIMARY KEY (run_id, ordinal);


--
-- Name: sync_run sync_run_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sync_run
    ADD CONSTRAINT sync_run_pkey PRIMARY KEY (id);


--
-- Name: tombstone tombstone_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_pkey PRIMARY KEY (connection_id, key_hash);


--
-- Name: tracked_event tracked_event_connection_id_order_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_event
    ADD CONSTRAINT tracked_event_connection_id_order_id_key UNIQUE (connection_id, order_id);


--
-- Name: tracked_event tracked_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_event
    ADD CONSTRAINT tracked_event_pkey PRIMARY KEY (id);


--
-- Name: trigger_definition trigger_definition_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trigger_definition
    ADD CONSTRAINT trigger_definition_pkey PRIMARY KEY (connection_id, trigger_id);


--
-- Name: trigger_version trigger_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trigger_version
    ADD CONSTRAINT trigger_version_pkey PRIMARY KEY (connection_id, trigger_id, version);


--
-- Name: advocate_event_received; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX advocate_event_received ON public.advocate_event USING btree (received_at);


--
-- Name: advocate_event_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX advocate_event_waiting ON public.advocate_event USING btree (connection_id, kind, received_at) WHERE (handled_at IS NULL);


--
-- Name: api_token_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX api_token_name ON public.api_token USING btree (name) WHERE (revoked_at IS NULL);


--
-- Name: audit_entry_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_entry_at ON public.audit_entry USING btree (at);


--
-- Name: audit_outcome_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_outcome_at ON public.audit_outcome USING btree (at);


--
-- Name: connect_intent_connection; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX connect_intent_connection ON public.connect_intent USING btree (connection_id) WHERE (connection_id IS NOT NULL);


--
-- Name: connect_intent_expires; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX connect_intent_expires ON public.connect_intent USING btree (expires_at);


--
-- Name: contact_ledger_gone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX contact_ledger_gone ON public.contact_ledger USING btree (decided_at) WHERE ((email_hash IS NOT NULL) AND (state = ANY (ARRAY['deleted'::text, 'merged_away'::text])));


--
-- Name: due_deletion_heard; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX due_deletion_heard ON public.due_deletion USING btree (connection_id, heard_at);


--
-- Name: due_deletion_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX due_deletion_waiting ON public.due_deletion USING btree (connection_id, contact_id) WHERE (state = 'waiting'::text);


--
-- Name: erasure_connection; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX erasure_connection ON public.erasure USING btree (connection_id, id);


--
-- Name: erasure_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX erasure_open ON public.erasure USING btree (connection_id, contact_id) WHERE ((forgotten_at IS NULL) AND (doubted_at IS NULL));


--
-- Name: former_mapping_ended; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX former_mapping_ended ON public.former_mapping USING btree (ended_at);


--
-- Name: former_mapping_participant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX former_mapping_participant ON public.former_mapping USING btree (connection_id, account_id, user_id);


--
-- Name: inbox_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_contact ON public.inbox USING btree (connection_id, contact_id, id);


--
-- Name: inbox_relayed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_relayed ON public.inbox USING btree (relayed_at) WHERE (relayed_at IS NOT NULL);


--
-- Name: inbox_requested; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX inbox_requested ON public.inbox USING btree (connection_id, contact_id, kind) WHERE (requested AND (relayed_at IS NULL));


--
-- Name: inbox_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_waiting ON public.inbox USING btree (connection_id, not_before, id) WHERE (relayed_at IS NULL);


--
-- Name: mapping_participant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mapping_participant ON public.mapping USING btree (connection_id, account_id, user_id);


--
-- Name: merged_contact_heir; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX merged_contact_heir ON public.merged_contact USING btree (connection_id, heir_id);


--
-- Name: object_inbox_relayed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX object_inbox_relayed ON public.object_inbox USING btree (relayed_at) WHERE (relayed_at IS NOT NULL);


--
-- Name: object_inbox_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX object_inbox_waiting ON public.object_inbox USING btree (connection_id, not_before, id) WHERE (relayed_at IS NULL);


--
-- Name: parked_item_closed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_closed ON public.parked_item USING btree (closed_at) WHERE (closed_at IS NOT NULL);


--
-- Name: parked_item_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_contact ON public.parked_item USING btree (connection_id, contact_id);


--
-- Name: parked_item_event; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_event ON public.parked_item USING btree (tracked_event_id) WHERE (tracked_event_id IS NOT NULL);


--
-- Name: parked_item_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_open ON public.parked_item USING btree (connection_id, id) WHERE (closed_at IS NULL);


--
-- Name: parked_item_open_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX parked_item_open_contact ON public.parked_item USING btree (connection_id, contact_id, cause) WHERE ((closed_at IS NULL) AND (contact_id <> ''::text) AND (tracked_event_id IS NULL));


--
-- Name: parked_item_open_event; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX parked_item_open_event ON public.parked_item USING btree (tracked_event_id) WHERE ((closed_at IS NULL) AND (tracked_event_id IS NOT NULL));


--
-- Name: parked_item_open_participant; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX parked_item_open_participant ON public.parked_item USING btree (connection_id, account_id, user_id, cause) WHERE ((closed_at IS NULL) AND (contact_id = ''::text));


--
-- Name: parked_item_participant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_participant ON public.parked_item USING btree (connection_id, account_id, user_id);


--
-- Name: parked_item_retry_run; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_retry_run ON public.parked_item USING btree (retry_run) WHERE (retry_run IS NOT NULL);


--
-- Name: parked_item_taken; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_item_taken ON public.parked_item USING btree (connection_id, account_id, user_id) WHERE ((closed_at IS NULL) AND (contact_id <> ''::text) AND (account_id <> ''::text));


--
-- Name: program_switch_connection; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX program_switch_connection ON public.program_switch USING btree (connection_id, id);


--
-- Name: program_switch_refresh; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX program_switch_refresh ON public.program_switch USING btree (refresh_run) WHERE (refresh_run IS NOT NULL);


--
-- Name: program_switch_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX program_switch_unfinished ON public.program_switch USING btree (connection_id) WHERE (finished_at IS NULL);


--
-- Name: reconcile_finding_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reconcile_finding_contact ON public.reconcile_finding USING btree (run_id, contact_id);


--
-- Name: schedule_pause_connection; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX schedule_pause_connection ON public.schedule_pause USING btree (connection_id);


--
-- Name: staged_participant_page; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX staged_participant_page ON public.staged_participant USING btree (run_id, page) WHERE (page IS NOT NULL);


--
-- Name: sync_run_connection; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sync_run_connection ON public.sync_run USING btree (connection_id, kind, id);


--
-- Name: sync_run_export; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sync_run_export ON public.sync_run USING btree (connection_id, export_id);


--
-- Name: sync_run_finished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sync_run_finished ON public.sync_run USING btree (finished_at);


--
-- Name: sync_run_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sync_run_open ON public.sync_run USING btree (connection_id, id) WHERE (finished_at IS NULL);


--
-- Name: sync_run_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX sync_run_unfinished ON public.sync_run USING btree (connection_id, kind) WHERE ((finished_at IS NULL) AND (kind <> 'retry'::text));


--
-- Name: tracked_event_contact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_contact ON public.tracked_event USING btree (connection_id, contact_id) WHERE (contact_id <> ''::text);


--
-- Name: tracked_event_decided; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_decided ON public.tracked_event USING btree (decided_at);


--
-- Name: tracked_event_object; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_object ON public.tracked_event USING btree (connection_id, object_type, object_id);


--
-- Name: tracked_event_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_open ON public.tracked_event USING btree (connection_id, id) WHERE (state = ANY (ARRAY['waiting'::text, 'pending'::text]));


--
-- Name: tracked_event_recent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_recent ON public.tracked_event USING btree (connection_id, id);


--
-- Name: tracked_event_unanswered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_unanswered ON public.tracked_event USING btree (connection_id, wait_until) WHERE ((state = 'error'::text) AND (request IS NOT NULL));


--
-- Name: tracked_event_unsettled; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_unsettled ON public.tracked_event USING btree (connection_id, state) WHERE (state = ANY (ARRAY['waiting'::text, 'pending'::text, 'sent'::text, 'error'::text]));


--
-- Name: tracked_event_verdict; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tracked_event_verdict ON public.tracked_event USING btree (connection_id, poll_at) WHERE (state = 'sent'::text);


--
-- Name: audit_entry append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.audit_entry FOR EACH ROW EXECUTE FUNCTION public.audit_append_only();


--
-- Name: audit_outcome append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.audit_outcome FOR EACH ROW EXECUTE FUNCTION public.audit_append_only();


--
-- Name: inbox erasure_heard; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER erasure_heard AFTER INSERT ON public.inbox REFERENCING NEW TABLE AS heard FOR EACH STATEMENT EXECUTE FUNCTION public.erasure_heard();


--
-- Name: audit_entry no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER no_truncate BEFORE TRUNCATE ON public.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION public.audit_append_only();


--
-- Name: audit_outcome no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER no_truncate BEFORE TRUNCATE ON public.audit_outcome FOR EACH STATEMENT EXECUTE FUNCTION public.audit_append_only();


--
-- Name: audit_entry stamp; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER stamp BEFORE INSERT ON public.audit_entry FOR EACH ROW EXECUTE FUNCTION public.audit_stamp();


--
-- Name: audit_outcome stamp; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER stamp BEFORE INSERT ON public.audit_outcome FOR EACH ROW EXECUTE FUNCTION public.audit_stamp();


--
-- Name: advocate_event advocate_event_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.advocate_event
    ADD CONSTRAINT advocate_event_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: advocate_subscription advocate_subscription_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.advocate_subscription
    ADD CONSTRAINT advocate_subscription_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: agreement agreement_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agreement
    ADD CONSTRAINT agreement_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: audit_outcome audit_outcome_audit_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_outcome
    ADD CONSTRAINT audit_outcome_audit_id_fkey FOREIGN KEY (audit_id) REFERENCES public.audit_entry(id);


--
-- Name: connect_intent connect_intent_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.connect_intent
    ADD CONSTRAINT connect_intent_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: contact_ledger contact_ledger_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact_ledger
    ADD CONSTRAINT contact_ledger_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: due_deletion due_deletion_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.due_deletion
    ADD CONSTRAINT due_deletion_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: erasure erasure_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT erasure_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: form_cursor form_cursor_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.form_cursor
    ADD CONSTRAINT form_cursor_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: form_submission form_submission_connection_id_form_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.form_submission
    ADD CONSTRAINT form_submission_connection_id_form_fkey FOREIGN KEY (connection_id, form) REFERENCES public.form_cursor(connection_id, form) ON DELETE CASCADE;


--
-- Name: former_mapping former_mapping_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.former_mapping
    ADD CONSTRAINT former_mapping_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: hubspot_token hubspot_token_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hubspot_token
    ADD CONSTRAINT hubspot_token_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: inbox inbox_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: mapping mapping_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mapping
    ADD CONSTRAINT mapping_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: mass_wish mass_wish_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mass_wish
    ADD CONSTRAINT mass_wish_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: merged_contact merged_contact_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.merged_contact
    ADD CONSTRAINT merged_contact_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: object_inbox object_inbox_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.object_inbox
    ADD CONSTRAINT object_inbox_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: parked_item parked_item_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parked_item
    ADD CONSTRAINT parked_item_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: parked_item parked_item_retry_run_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parked_item
    ADD CONSTRAINT parked_item_retry_run_fkey FOREIGN KEY (retry_run) REFERENCES public.sync_run(id) ON DELETE SET NULL;


--
-- Name: parked_item parked_item_tracked_event_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parked_item
    ADD CONSTRAINT parked_item_tracked_event_id_fkey FOREIGN KEY (tracked_event_id) REFERENCES public.tracked_event(id) ON DELETE CASCADE;


--
-- Name: participant_ledger participant_ledger_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.participant_ledger
    ADD CONSTRAINT participant_ledger_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: program_switch program_switch_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.program_switch
    ADD CONSTRAINT program_switch_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: program_switch_property program_switch_property_switch_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.program_switch_property
    ADD CONSTRAINT program_switch_property_switch_id_fkey FOREIGN KEY (switch_id) REFERENCES public.program_switch(id) ON DELETE CASCADE;


--
-- Name: program_switch program_switch_refresh_run_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.program_switch
    ADD CONSTRAINT program_switch_refresh_run_fkey FOREIGN KEY (refresh_run) REFERENCES public.sync_run(id) ON DELETE SET NULL;


--
-- Name: reconcile_contact reconcile_contact_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_contact
    ADD CONSTRAINT reconcile_contact_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: reconcile_count reconcile_count_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_count
    ADD CONSTRAINT reconcile_count_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: reconcile_finding reconcile_finding_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile_finding
    ADD CONSTRAINT reconcile_finding_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: reconcile reconcile_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reconcile
    ADD CONSTRAINT reconcile_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: schedule_pause schedule_pause_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schedule_pause
    ADD CONSTRAINT schedule_pause_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: staged_participant staged_participant_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.staged_participant
    ADD CONSTRAINT staged_participant_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.sync_run(id) ON DELETE CASCADE;


--
-- Name: sync_run sync_run_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sync_run
    ADD CONSTRAINT sync_run_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: tombstone tombstone_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: tracked_event tracked_event_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tracked_event
    ADD CONSTRAINT tracked_event_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: trigger_definition trigger_definition_connection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trigger_definition
    ADD CONSTRAINT trigger_definition_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES public.connection(id) ON DELETE CASCADE;


--
-- Name: trigger_version trigger_version_connection_id_trigger_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trigger_version
    ADD CONSTRAINT trigger_version_connection_id_trigger_id_fkey FOREIGN KEY (connection_id, trigger_id) REFERENCES public.trigger_definition(connection_id, trigger_id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict hJ3bSPmpO7fcsspZBDRuTAJrMinEGp0auiCrduPRLTkfHBgLBjeJrBZqS8gz4XG

