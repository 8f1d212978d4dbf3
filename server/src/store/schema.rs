//! The tables as diesel sees them; `migrations/` makes them.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    builders (id) {
        id -> BigInt,
        team -> Text,
        name -> Text,
        n_builds -> BigInt,
        created_at -> Timestamp,
    }
}

table! {
    source_stamps (id) {
        id -> BigInt,
        branch -> Nullable<Text>,
        revision -> Nullable<Text>,
        repository -> Text,
        project -> Text,
        codebase -> Text,
    }
}

table! {
    buildsets (id) {
        id -> BigInt,
        source_stamp_id -> BigInt,
        reason -> Text,
        owner -> Nullable<Text>,
        submitted_at -> Timestamp,
        parent_build_id -> Nullable<BigInt>,
        depth -> Integer,
    }
}

table! {
    buildset_properties (buildset_id, name) {
        buildset_id -> BigInt,
        name -> Text,
        value -> Text,
        source -> Text,
    }
}

table! {
    build_requests (id) {
        id -> BigInt,
        buildset_id -> BigInt,
        builder_id -> BigInt,
        priority -> Integer,
        submitted_at -> Timestamp,
        state -> Integer,
        n_retries -> Integer,
        completed_at -> Nullable<Timestamp>,
    }
}

table! {
    builds (id) {
        id -> BigInt,
        builder_id -> BigInt,
        number -> BigInt,
        request_id -> BigInt,
        buildset_id -> BigInt,
        worker -> Text,
        started_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
        results -> Nullable<Integer>,
        results_since -> Nullable<Timestamp>,
        summary -> Text,
        got_revision -> Nullable<Text>,
        stop_reason -> Nullable<Text>,
        expected_s -> Nullable<Double>,
    }
}

table! {
    build_properties (build_id, name) {
        build_id -> BigInt,
        name -> Text,
        value -> Text,
        source -> Text,
    }
}

table! {
    steps (id) {
        id -> BigInt,
        build_id -> BigInt,
        number -> Integer,
        name -> Text,
        started_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
        results -> Nullable<Integer>,
        summary -> Text,
        urls -> Text,
        n_failed -> Integer,
        n_errored -> Integer,
        n_skipped -> Integer,
        n_passed -> Integer,
    }
}

table! {
    test_results (step_id, outcome, number) {
        step_id -> BigInt,
        outcome -> Integer,
        number -> Integer,
        suite -> Text,
        name -> Text,
        duration_ms -> Nullable<BigInt>,
        message -> Nullable<Text>,
    }
}

table! {
    step_statistics (step_id, name) {
        step_id -> BigInt,
        name -> Text,
        value -> Double,
    }
}

table! {
    artifacts (id) {
        id -> BigInt,
        build_id -> BigInt,
        step_id -> BigInt,
        name -> Text,
        size_bytes -> BigInt,
        sha256 -> Text,
        created_at -> Timestamp,
        file -> Text,
    }
}

table! {
    logs (id) {
        id -> BigInt,
        step_id -> BigInt,
        name -> Text,
        slug -> Text,
        n_lines -> BigInt,
        size_bytes -> BigInt,
        complete -> Bool,
    }
}

table! {
    log_chunks (id) {
        id -> BigInt,
        log_id -> BigInt,
        first_line -> BigInt,
        n_lines -> BigInt,
        size_bytes -> BigInt,
        content -> Binary,
    }
}

table! {
    events (id) {
        id -> BigInt,
        at -> Timestamp,
        builder_id -> BigInt,
        what -> Text,
    }
}

table! {
    tokens (jti) {
        jti -> Text,
        subject -> Text,
        team -> Nullable<Text>,
        details -> Text,
        issued_by -> Text,
        issued_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        n_used -> BigInt,
        kid -> Text,
    }
}

table! {
    revocations (id) {
        id -> BigInt,
        kind -> Text,
        issuer -> Text,
        value -> Text,
        revoked_by -> Text,
        at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
    }
}

table! {
    audit (id) {
        id -> BigInt,
        at -> Timestamp,
        subject -> Text,
        token_id -> Nullable<Text>,
        action -> Text,
        object -> Text,
        allowed -> Bool,
        reason -> Text,
        details -> Text,
        team -> Nullable<Text>,
    }
}

table! {
    reporters (team, name) {
        team -> Text,
        name -> Text,
        position -> BigInt,
        n_delivered -> BigInt,
        n_given_up -> BigInt,
        problem -> Nullable<Text>,
        changed_at -> Timestamp,
    }
}

table! {
    plugin_state (id) {
        id -> BigInt,
        team -> Text,
        plugin -> Text,
        used_by -> Text,
        key -> Text,
        value -> Binary,
        size_bytes -> BigInt,
        put_at -> Timestamp,
    }
}

table! {
    sessions (id) {
        id -> Text,
        secret_hash -> Text,
        person -> Text,
        identity -> Text,
        stamp -> Text,
        user_agent -> Text,
        address -> Text,
        created_at -> Timestamp,
        last_used_at -> Timestamp,
        expires_at -> Timestamp,
        provider -> Nullable<Text>,
        refresh_at -> Nullable<Timestamp>,
    }
}

table! {
    personal_tokens (id) {
        id -> Text,
        secret_hash -> Text,
        person -> Text,
        identity -> Text,
        name -> Text,
        team -> Nullable<Text>,
        role -> Nullable<Text>,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        last_used_at -> Nullable<Timestamp>,
        stamp -> Text,
        proved_at -> Nullable<Timestamp>,
    }
}

table! {
    team_texts (team) {
        team -> Text,
        document -> Text,
        good_at -> Timestamp,
    }
}

table! {
    team_usage (team) {
        team -> Text,
        log_bytes -> BigInt,
        artifact_bytes -> BigInt,
    }
}

joinable!(buildsets -> source_stamps (source_stamp_id));
joinable!(build_requests -> buildsets (buildset_id));
joinable!(builds -> buildsets (buildset_id));
joinable!(steps -> builds (build_id));
joinable!(logs -> steps (step_id));
joinable!(artifacts -> steps (step_id));
joinable!(step_statistics -> steps (step_id));

allow_tables_to_appear_in_same_query!(builders, source_stamps, buildsets, build_requests, builds, steps, logs);
allow_tables_to_appear_in_same_query!(artifacts, steps);
allow_tables_to_appear_in_same_query!(step_statistics, steps);
