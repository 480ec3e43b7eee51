//! Transactions of yrs that may panic: the process does not notice, the document is given up.
use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
};

use yrs::{Doc, Transact, Transaction, TransactionMut};

use super::Broken;

/// Does something that may panic and touches nothing that is used afterwards.
pub(super) fn unwinding<R>(work: impl FnOnce() -> R) -> Result<R, Broken> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Broken::Panicked)
}

/// Writes, and commits.
pub(super) fn guarded<R>(
    doc: &Doc,
    origin: &str,
    work: impl FnOnce(&mut TransactionMut<'_>) -> R,
) -> Result<R, Broken> {
    // A transaction commits what there is when it is dropped, even if that is because of a panic; and a second panic
    // then would end the process. So it is dropped only after the first one was caught.
    let txn = doc.try_transact_mut_with(origin).map_err(|_| Broken::Locked)?;
    let mut txn = ManuallyDrop::new(txn);
    let done = unwinding(|| {
        let done = work(&mut txn);
        txn.commit();
        done
    });
    let over = unwinding(|| drop(ManuallyDrop::into_inner(txn)));
    done.and_then(|done| over.map(|()| done))
}

/// Reads.
pub(super) fn guarded_look<R>(doc: &Doc, look: impl FnOnce(&Transaction<'_>) -> R) -> Result<R, Broken> {
    let txn = doc.try_transact().map_err(|_| Broken::Locked)?;
    unwinding(|| look(&txn))
}

#[cfg(test)]
mod tests {
    use yrs::{GetString, ReadTxn, Text, WriteTxn};

    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_leaves_the_lock_free() {
        let doc = Doc::new();
        let broken = guarded(&doc, "test", |txn| {
            txn.get_or_insert_text("t").insert(txn, 0, "half");
            assert!(txn.get_text("u").is_some(), "half-way");
        });
        assert_eq!(broken, Err(Broken::Panicked));
        let text = guarded_look(&doc, |txn| txn.get_text("t").map(|text| text.get_string(txn)));
        assert_eq!(text, Ok(Some("half".to_owned())), "nothing is rolled back");
        assert_eq!(guarded_look(&doc, |_| assert!(doc.client_id().get() > 1 << 60, "no")), Err(Broken::Panicked));
        let _open = doc.try_transact().unwrap();
        assert_eq!(guarded(&doc, "test", |_| ()), Err(Broken::Locked));
    }
}
