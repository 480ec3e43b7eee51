//! Who wrote which piece. Recorded with the update that brings it, in ranges; they outlive the log.
use uuid::Uuid;

use crate::{
    collab::{DocumentId, gate::IdRange, store},
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
}

/// The ranges of several updates in their order, those that follow each other joined.
fn joined<'a>(new: impl IntoIterator<Item = (Id<caller::User>, &'a [IdRange])>) -> Vec<Authored> {
    let mut all: Vec<Authored> = vec![];
    for (user, ranges) in new {
        for range in ranges {
            let (client, from, to, user) = (range.client, u64::from(range.from), u64::from(range.to), user.uuid());
            let last = all.iter_mut().rev().find(|known| known.client == client);
            match last {
                Some(last) if last.to == from && last.user == user => last.to = to,
                _ => all.push(Authored { client, from, to, user }),
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
    new: impl IntoIterator<Item = (Id<caller::User>, &'a [IdRange])>,
) -> Result<(), sqlx::Error> {
    let new = joined(new);
    if new.is_empty() {
        return Ok(());
    }
    let clients: Vec<i64> = new.iter().map(|range| store::to_signed(range.client)).collect();
    let froms: Vec<i64> = new.iter().map(|range| store::to_signed(range.from)).collect();
    let tos: Vec<i64> = new.iter().map(|range| store::to_signed(range.to)).collect();
    let users: Vec<Uuid> = new.iter().map(|range| range.user).collect();
    sqlx::query!(
        "WITH new AS (
             SELECT n.client, lower(r.piece) AS from_clock, upper(r.piece) AS to_clock, n.user_id
             FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[])
                 AS n (client, from_clock, to_clock, user_id)
             CROSS JOIN LATERAL unnest(int8multirange(int8range(n.from_clock, n.to_clock)) - coalesce(
                 (SELECT range_agg(int8range(a.from_clock, a.to_clock)) FROM collab_authorship a
                  WHERE a.document_id = $2 AND a.client = n.client
                    AND a.from_clock < n.to_clock AND a.to_clock > n.from_clock), '{}'::int8multirange)) AS r (piece)
         ), grown AS (
             UPDATE collab_authorship a SET to_clock = n.to_clock, seq = $3 FROM new n
             WHERE a.document_id = $2 AND a.client = n.client AND a.to_clock = n.from_clock AND a.user_id = n.user_id
             RETURNING n.client, n.from_clock
         )
         INSERT INTO collab_authorship (organization_id, document_id, client, from_clock, to_clock, user_id, seq)
         SELECT $1, $2, n.client, n.from_clock, n.to_clock, n.user_id, $3 FROM new n
         WHERE NOT EXISTS (
             SELECT FROM grown g WHERE g.client = n.client AND g.from_clock = n.from_clock)",
        tx.organization(),
        id.uuid(),
        store::to_signed(seq),
        &clients,
        &froms,
        &tos,
        &users,
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
        "SELECT client, from_clock, to_clock, user_id FROM collab_authorship WHERE document_id = $1
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
    });
    Ok(authored.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_joined_and_nothing_else() {
        let (ada, bo) = (Id::new(Uuid::from_u128(1)), Id::new(Uuid::from_u128(2)));
        let range = |client, from, to| IdRange { client, from, to };
        let one = [range(7, 0, 3), range(9, 0, 1)];
        let two = [range(7, 3, 5)];
        let three = [range(7, 5, 6)];
        let four = [range(7, 8, 9)];
        let updates = [(ada, &one[..]), (ada, &two[..]), (bo, &three[..]), (bo, &four[..])];
        let found: Vec<_> = joined(updates)
            .into_iter()
            .map(|range| (range.client, range.from, range.to, range.user.as_u128()))
            .collect();
        assert_eq!(found, [(7, 0, 5, 1), (9, 0, 1, 1), (7, 5, 6, 2), (7, 8, 9, 2)]);
    }
}
