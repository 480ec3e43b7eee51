//! One row of every tenant table, for the isolation tests. **A new table gets a line here**, after its parents.
//!
//! In the text, `{org}` and `{user}` are the tenant and a member of it, `{id}` is the new row's own id, `{code}` a join
//! code of its own, and the name of a table in braces is the id of that table's row in the same tenant.
use uuid::Uuid;

/// How a row of a table is made.
pub struct Row {
    pub table: &'static str,
    pub insert: &'static str,
}

const fn row(table: &'static str, insert: &'static str) -> Row {
    Row { table, insert }
}

/// Parents before children.
pub const ROWS: &[Row] = &[
    row("roles", "(id, organization_id, key, name) VALUES ({id}, {org}, 'host', 'Host')"),
    row("memberships", "(id, organization_id, user_id) VALUES ({id}, {org}, {user})"),
    row("membership_roles", "(organization_id, membership_id, role_id) VALUES ({org}, {memberships}, {roles})"),
    row(
        "state_transitions",
        "(id, organization_id, subject_type, subject_id, to_state) VALUES ({id}, {org}, 'probe', {id}, 'draft')",
    ),
    row("jobs", "(id, organization_id, kind) VALUES ({id}, {org}, 'probe')"),
    row(
        "live_sessions",
        "(id, organization_id, title, join_code, instructor_id, scheduled_start, scheduled_end) \
         VALUES ({id}, {org}, 'Probe', {code}, {user}, now(), now() + interval '1 hour')",
    ),
    row(
        "session_participants",
        "(id, organization_id, live_session_id, user_id, number) VALUES ({id}, {org}, {live_sessions}, {user}, 1)",
    ),
    row(
        "live_session_events",
        "(organization_id, live_session_id, seq, type, created_at) VALUES ({org}, {live_sessions}, 1, 'probe', now())",
    ),
    row(
        "live_session_snapshots",
        "(organization_id, live_session_id, seq, version, state) VALUES ({org}, {live_sessions}, 1, 1, '{}')",
    ),
    row("live_presence", "(organization_id, live_session_id, node_id) VALUES ({org}, {live_sessions}, {id})"),
    row(
        "live_session_archive",
        "(organization_id, live_session_id, from_seq, to_seq, events) VALUES ({org}, {live_sessions}, 1, 1, '[]')",
    ),
    row("collab_documents", "(id, organization_id, subject_type, subject_id) VALUES ({id}, {org}, 'live_notes', {id})"),
    row(
        "collab_updates",
        "(organization_id, document_id, seq, payload, node_id) VALUES ({org}, {collab_documents}, 1, 'x', 'probe')",
    ),
    row(
        "collab_quarantine",
        "(id, organization_id, document_id, payload, reason) VALUES ({id}, {org}, {collab_documents}, 'x', 'probe')",
    ),
    row("collab_collaborators", "(organization_id, document_id, user_id) VALUES ({org}, {collab_documents}, {user})"),
    row(
        "builder_sessions",
        "(id, organization_id, title, audience, objective, created_by_id) \
         VALUES ({id}, {org}, 'Probe', 'All', 'Know', {user})",
    ),
    row(
        "builder_agenda_items",
        "(id, organization_id, builder_session_id, ordinal, title) VALUES ({id}, {org}, {builder_sessions}, 1, 'Probe')",
    ),
    row(
        "builder_status_logs",
        "(id, organization_id, builder_session_id, to_status, readiness_score) \
         VALUES ({id}, {org}, {builder_sessions}, 'draft', 0)",
    ),
    row("coach_profiles", "(id, organization_id, user_id) VALUES ({id}, {org}, {user})"),
    row("coaching_clients", "(id, organization_id, name) VALUES ({id}, {org}, 'Probe')"),
    row(
        "coaching_sessions",
        "(id, organization_id, coach_id, live_session_id, session_date) \
         VALUES ({id}, {org}, {coach_profiles}, {live_sessions}, '2026-11-21')",
    ),
    row(
        "client_sessions",
        "(id, organization_id, client_id, coaching_session_id, participant_id) \
         VALUES ({id}, {org}, {coaching_clients}, {coaching_sessions}, {session_participants})",
    ),
    row("summaries", "(id, organization_id, client_session_id) VALUES ({id}, {org}, {client_sessions})"),
    row(
        "collab_checkpoints",
        "(id, organization_id, document_id, seq, state) VALUES ({id}, {org}, {collab_documents}, 1, 'x')",
    ),
    row(
        "collab_authorship",
        "(organization_id, document_id, client, from_clock, to_clock, user_id, seq) \
         VALUES ({org}, {collab_documents}, 1, 0, 1, {user}, 1)",
    ),
    row(
        "collab_files",
        "(id, organization_id, document_id, secret_hash, content_type, width, height, bytes, content) \
         VALUES ({id}, {org}, {collab_documents}, {id}::text::bytea, 'image/png', 1, 1, 1, 'x')",
    ),
    row(
        "collab_file_uses",
        "(organization_id, document_id, file_id) VALUES ({org}, {collab_documents}, {collab_files})",
    ),
    row(
        "collab_version_files",
        "(organization_id, checkpoint_id, file_id) VALUES ({org}, {collab_checkpoints}, {collab_files})",
    ),
    row("live_notes", "(id, organization_id, live_session_id) VALUES ({id}, {org}, {live_sessions})"),
    row("live_whiteboards", "(id, organization_id, live_session_id) VALUES ({id}, {org}, {live_sessions})"),
    row(
        "live_polls",
        "(id, organization_id, live_session_id, question) VALUES ({id}, {org}, {live_sessions}, 'Probe?')",
    ),
    row(
        "live_poll_options",
        "(id, organization_id, live_session_id, poll_id, position, label) \
         VALUES ({id}, {org}, {live_sessions}, {live_polls}, 1, 'A')",
    ),
    row(
        "live_poll_rounds",
        "(organization_id, live_session_id, poll_id, round, ended_at) \
         VALUES ({org}, {live_sessions}, {live_polls}, 1, now())",
    ),
    row(
        "live_poll_votes",
        "(organization_id, live_session_id, poll_id, round, participant_id, option_id, created_at) \
         VALUES ({org}, {live_sessions}, {live_polls}, 1, {session_participants}, {live_poll_options}, now())",
    ),
    row(
        "live_questions",
        "(id, organization_id, live_session_id, participant_id, body) \
         VALUES ({id}, {org}, {live_sessions}, {session_participants}, 'Probe?')",
    ),
    row(
        "live_question_upvotes",
        "(organization_id, live_session_id, question_id, participant_id, created_at) \
         VALUES ({org}, {live_sessions}, {live_questions}, {session_participants}, now())",
    ),
];

/// Tables without a tenant: nobody reaches them but through definer functions, or they have rules of their own.
pub const GLOBAL: &[&str] = &["organizations", "users", "user_credentials", "auth_tokens", "live_nodes"];

/// Two of these live side by side in the isolation tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant(pub u8);

impl Tenant {
    /// The organization.
    pub fn org(self) -> Uuid {
        Uuid::from_u128(u128::from(self.0) << 64)
    }
    /// A person in it.
    pub fn user(self) -> Uuid {
        Uuid::from_u128((u128::from(self.0) << 64) + 0xffff)
    }
    /// The id of its row in a table.
    pub fn id(self, table: &str) -> Uuid {
        let index = ROWS.iter().position(|row| row.table == table).expect("a table with a row");
        Uuid::from_u128((u128::from(self.0) << 64) + 1 + index as u128)
    }
}

impl Row {
    /// The tables this row points to, by the braces in its text.
    pub fn parents(&self) -> Vec<&'static str> {
        ROWS.iter().map(|row| row.table).filter(|table| self.insert.contains(&format!("{{{table}}}"))).collect()
    }

    /// The statement that makes the row in `tenant`, with the given id.
    pub fn sql(&self, tenant: Tenant, id: Uuid) -> String {
        self.sql_with_parent(tenant, id, tenant, "")
    }

    /// The same, but with one parent out of another tenant.
    pub fn sql_with_parent(&self, tenant: Tenant, id: Uuid, other: Tenant, parent: &str) -> String {
        let mut text = format!("INSERT INTO {} {}", self.table, self.insert);
        for (name, value) in [("org", tenant.org()), ("user", tenant.user()), ("id", id)] {
            text = text.replace(&format!("{{{name}}}"), &format!("'{value}'"));
        }
        // Join codes are unique across tenants: one per row id, in their alphabet.
        let digits = format!("{:06}", id.as_u128() % 0xffff_ffff % 1_000_000).replace('0', "X").replace('1', "Y");
        text = text.replace("{code}", &format!("'{digits}'"));
        for row in ROWS {
            let owner = if row.table == parent { other } else { tenant };
            text = text.replace(&format!("{{{}}}", row.table), &format!("'{}'", owner.id(row.table)));
        }
        text
    }
}
