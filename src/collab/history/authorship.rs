//! Who wrote which piece. Recorded with the update that brings it, in ranges; they outlive the log.
use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    collab::{
        DocumentId,
        store::{self, Draft},
    },
    db::TenantTx,
    kernel::{Id, caller},
};

/// Ranges of one document, at most: more than this many visits and alternations. The oldest go first.
const MOST_RANGES: i64 = 20_000;

/// Pieces of one client, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authored {
    /// The Yjs client.
    pub client: u64,
    /// The first piece.
    pub from: u64,
    /// The first that is not in it.
    pub to: u64,
    /// Whose they are.
    pub user: Uuid,
    /// The client is certainly theirs; others may have brought pieces of it.
    pub claimed: bool,
}

/// Whose a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// A person's or guest's; none: the server's own.
    pub user: Option<Uuid>,
    /// They have shown that it is theirs: typed under it, or looked with it. Otherwise they brought pieces of it among
    /// others, which anybody may do who has them.
    pub sure: bool,
}

/// The ranges of several updates in their order, those that follow each other joined.
fn joined<'a>(new: impl IntoIterator<Item = (Id<caller::User>, &'a Draft)>) -> Vec<Authored> {
    let mut all: Vec<Authored> = vec![];
    let mut newest: HashMap<u64, usize> = HashMap::new();
    for (user, draft) in new {
        for range in &draft.inserted {
            let claimed = draft.claims.contains(&range.client);
            let (client, from, to, user) = (range.client, u64::from(range.from), u64::from(range.to), user.uuid());
            match newest.get(&client).map(|at| &mut all[*at]) {
                Some(last) if last.to == from && last.user == user => {
                    (last.to, last.claimed) = (to, last.claimed || claimed);
                }
                _ => {
                    newest.insert(client, all.len());
                    all.push(Authored { client, from, to, user, claimed });
                }
            }
        }
    }
    all
}

/// Records who wrote what is new in these updates, up to the number `seq`. What is recorded already stays as it is.
pub async fn record<'a>(
    tx: &mut TenantTx,
    id: DocumentId,
    seq: u64,
    new: impl IntoIterator<Item = (Id<caller::User>, &'a Draft)>,
) -> Result<(), sqlx::Error> {
    let new = joined(new);
    if new.is_empty() {
        return Ok(());
    }
    let clients: Vec<i64> = new.iter().map(|range| store::to_signed(range.client)).collect();
    let froms: Vec<i64> = new.iter().map(|range| store::to_signed(range.from)).collect();
    let tos: Vec<i64> = new.iter().map(|range| store::to_signed(range.to)).collect();
    let users: Vec<Uuid> = new.iter().map(|range| range.user).collect();
    let claimed: Vec<bool> = new.iter().map(|range| range.claimed).collect();
    sqlx::query!(
        "WITH new AS (
             SELECT n.client, lower(r.piece) AS from_clock, upper(r.piece) AS to_clock, n.user_id,
                    n.claimed
             FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[], $8::boolean[])
                 AS n (client, from_clock, to_clock, user_id, claimed)
             CROSS JOIN LATERAL unnest(int8multirange(int8range(n.from_clock, n.to_clock)) - coalesce(
                 (SELECT range_agg(int8range(a.from_clock, a.to_clock)) FROM collab_authorship a
                  WHERE a.document_id = $2 AND a.client = n.client
                    AND a.from_clock < n.to_clock AND a.to_clock > n.from_clock), '{}'::int8multirange)) AS r (piece)
         ), grown AS (
             UPDATE collab_authorship a SET to_clock = n.to_clock, seq = $3, claimed = a.claimed OR n.claimed FROM new n
             WHERE a.document_id = $2 AND a.client = n.client AND a.to_clock = n.from_clock AND a.user_id = n.user_id
             RETURNING n.client, n.from_clock
         )
         INSERT INTO collab_authorship (organization_id, document_id, client, from_clock, to_clock, user_id, claimed, seq)
         SELECT $1, $2, n.client, n.from_clock, n.to_clock, n.user_id, n.claimed, $3 FROM new n
         WHERE NOT EXISTS (
             SELECT FROM grown g WHERE g.client = n.client AND g.from_clock = n.from_clock)",
        tx.organization(),
        id.uuid(),
        store::to_signed(seq),
        &clients,
        &froms,
        &tos,
        &users,
        &claimed,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Lets go of the oldest ranges where there are too many.
pub async fn bound(tx: &mut TenantTx, id: DocumentId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM collab_authorship a WHERE a.document_id = $1 AND a.seq < (
             SELECT b.seq FROM collab_authorship b WHERE b.document_id = $1 ORDER BY b.seq DESC OFFSET $2 LIMIT 1)",
        id.uuid(),
        MOST_RANGES
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// All that is known of who wrote what, by client and clock.
pub async fn all(tx: &mut TenantTx, id: DocumentId) -> Result<Vec<Authored>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT client, from_clock, to_clock, user_id, claimed FROM collab_authorship WHERE document_id = $1
         ORDER BY client, from_clock LIMIT $2",
        id.uuid(),
        2 * MOST_RANGES
    )
    .fetch_all(&mut **tx)
    .await?;
    let authored = rows.into_iter().map(|row| Authored {
        client: store::from_signed(row.client),
        from: store::from_signed(row.from_clock),
        to: store::from_signed(row.to_clock),
        user: row.user_id,
        claimed: row.claimed,
    });
    Ok(authored.collect())
}

/// Whose these clients are, or all of them: theirs who are sure of it before theirs who wrote first.
pub async fn owners(
    tx: &mut TenantTx,
    id: DocumentId,
    clients: Option<&[u64]>,
) -> Result<Vec<(u64, Owner)>, sqlx::Error> {
    let clients: Option<Vec<i64>> = clients.map(|clients| clients.iter().copied().map(store::to_signed).collect());
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (client) client, user_id, claimed FROM collab_authorship
         WHERE document_id = $1 AND ($2::bigint[] IS NULL OR client = ANY ($2))
         ORDER BY client, claimed DESC, from_clock LIMIT $3",
        id.uuid(),
        clients.as_deref(),
        2 * MOST_RANGES
    )
    .fetch_all(&mut **tx)
    .await?;
    let owners = rows
        .into_iter()
        .map(|row| (store::from_signed(row.client), Owner { user: Some(row.user_id), sure: row.claimed }));
    Ok(owners.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collab::{gate::IdRange, store::Origin};

    fn draft(inserted: &[(u64, u32, u32)], claims: &[u64]) -> Draft {
        let inserted = inserted.iter().map(|(client, from, to)| IdRange { client: *client, from: *from, to: *to });
        let (inserted, claims) = (inserted.collect(), claims.to_vec());
        Draft { payload: vec![], author: None, origin: Origin::Client, inserted, claims, before: None }
    }

    #[test]
    fn what_follows_is_joined_and_nothing_else() {
        let (ada, bo) = (Id::new(Uuid::from_u128(1)), Id::new(Uuid::from_u128(2)));
        let one = draft(&[(7, 0, 3), (9, 0, 1)], &[]);
        let two = draft(&[(7, 3, 5)], &[7]);
        let three = draft(&[(7, 5, 6)], &[]);
        let four = draft(&[(7, 8, 9)], &[7]);
        let found: Vec<_> = joined([(ada, &one), (ada, &two), (bo, &three), (bo, &four)])
            .into_iter()
            .map(|range| (range.client, range.from, range.to, range.user.as_u128(), range.claimed))
            .collect();
        assert_eq!(found, [(7, 0, 5, 1, true), (9, 0, 1, 1, false), (7, 5, 6, 2, false), (7, 8, 9, 2, true)]);
    }
}
