//! Writes, or compares, the files that are made from the Rust types.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, bail, ensure};
use ts_rs::TS;

use crate::{
    app,
    builder::http as plans,
    coaching::http as summaries,
    collab::http::{
        Attribution, Collaborator, FileView, Invitation, KeptVersion, NewVersion, NotesChange, NotesView, VersionDiff,
        VersionView,
    },
    gateway::{Attempt, Diagnosis},
    http::{FieldError, Problem, contract::pretty},
    identity::{Account, LinkView, Login, Member, Register, Ticket},
    kernel::{Code, page::Page},
    live::{
        core::lifecycle::Plan,
        http as rest,
        protocol::{ClientMessage, ServerMessage},
    },
};

const TYPES: &str = "clients/sdk/src/gen";

/// Path, relative to the root, to text.
type Files = BTreeMap<PathBuf, String>;

/// Writes the files, and removes types that are no longer made.
pub fn write(root: &Path) -> anyhow::Result<()> {
    let made = make(root)?;
    for (path, text) in &made {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for path in stale(root, &made)? {
        fs::remove_file(root.join(&path))?;
    }
    println!("{} files written", made.len());
    Ok(())
}

/// Fails with a list of the files that differ.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let made = make(root)?;
    let mut wrong: Vec<String> = Vec::new();
    for (path, text) in &made {
        match fs::read_to_string(root.join(path)) {
            Ok(kept) if kept == *text => {}
            Ok(_) => wrong.push(format!("{} differs", path.display())),
            Err(_) => wrong.push(format!("{} is missing", path.display())),
        }
    }
    wrong.extend(stale(root, &made)?.iter().map(|path| format!("{} is no longer made", path.display())));
    if wrong.is_empty() {
        println!("{} files agree with the code", made.len());
        return Ok(());
    }
    bail!("the contract files do not agree with the code; run `make contract`:\n  {}", wrong.join("\n  "))
}

/// A fresh folder each time: the exporter remembers which paths it has written.
static TURN: AtomicU32 = AtomicU32::new(0);

fn make(root: &Path) -> anyhow::Result<Files> {
    ensure!(root.join("clients/sdk").is_dir(), "{} is not the source tree of Atelier; use --root", root.display());
    let documents = app::documents()?;
    let mut files = Files::new();
    files.insert("docs/openapi.json".into(), pretty(&documents.openapi));
    files.insert("docs/asyncapi.json".into(), pretty(&documents.asyncapi));
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let aside = root.join("target").join(format!("contract-{}-{turn}", std::process::id()));
    let exported = export(&aside);
    let types = exported.and_then(|()| read(&aside));
    let _ = fs::remove_dir_all(&aside);
    for (name, text) in types? {
        files.insert(Path::new(TYPES).join(name), text);
    }
    Ok(files)
}

/// Everything these types lead to is written with them.
fn export(folder: &Path) -> anyhow::Result<()> {
    let settings = ts_rs::Config::new().with_large_int("number").with_out_dir(folder);
    ClientMessage::export_all(&settings)?;
    ServerMessage::export_all(&settings)?;
    Code::export_all(&settings)?;
    Problem::export_all(&settings)?;
    FieldError::export_all(&settings)?;
    Attempt::export_all(&settings)?;
    Diagnosis::export_all(&settings)?;
    export_rest(&settings)?;
    Ok(())
}

/// The bodies of the HTTP calls.
fn export_rest(settings: &ts_rs::Config) -> anyhow::Result<()> {
    Account::export_all(settings)?;
    Register::export_all(settings)?;
    Login::export_all(settings)?;
    Attribution::export_all(settings)?;
    KeptVersion::export_all(settings)?;
    NewVersion::export_all(settings)?;
    VersionDiff::export_all(settings)?;
    VersionView::export_all(settings)?;
    LinkView::export_all(settings)?;
    Page::<()>::export_all(settings)?;
    rest::CreateSession::export_all(settings)?;
    rest::DuplicateSession::export_all(settings)?;
    Plan::export_all(settings)?;
    rest::LiveSessionView::export_all(settings)?;
    rest::TicketRequest::export_all(settings)?;
    Ticket::export_all(settings)?;
    Member::export_all(settings)?;
    rest::LinkRequest::export_all(settings)?;
    rest::NewLink::export_all(settings)?;
    rest::JoinInfo::export_all(settings)?;
    rest::JoinRequest::export_all(settings)?;
    rest::Joined::export_all(settings)?;
    rest::ParticipantRow::export_all(settings)?;
    rest::PollRow::export_all(settings)?;
    rest::QuestionRow::export_all(settings)?;
    rest::Results::export_all(settings)?;
    NotesView::export_all(settings)?;
    FileView::export_all(settings)?;
    NotesChange::export_all(settings)?;
    Collaborator::export_all(settings)?;
    Invitation::export_all(settings)?;
    plans::PlanView::export_all(settings)?;
    plans::PlanRow::export_all(settings)?;
    plans::CreatePlan::export_all(settings)?;
    plans::ChangePlan::export_all(settings)?;
    summaries::SummaryView::export_all(settings)?;
    summaries::SummaryRow::export_all(settings)?;
    summaries::CreateSummary::export_all(settings)?;
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name().into(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}

fn stale(root: &Path, made: &Files) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(root.join(TYPES)) else { return Ok(Vec::new()) };
    let mut stale = Vec::new();
    for entry in entries {
        let path = Path::new(TYPES).join(entry?.file_name());
        if path.extension().is_some_and(|ending| ending == "ts") && !made.contains_key(&path) {
            stale.push(path);
        }
    }
    stale.sort();
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_agrees_until_somebody_edits_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(TYPES)).unwrap();
        assert!(check(root.path()).unwrap_err().to_string().contains("docs/openapi.json is missing"));
        write(root.path()).unwrap();
        check(root.path()).unwrap();
        fs::write(root.path().join(TYPES).join("Code.ts"), "edited").unwrap();
        fs::write(root.path().join(TYPES).join("Old.ts"), "").unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(message.contains("Code.ts differs") && message.contains("Old.ts is no longer made"), "{message}");
        write(root.path()).unwrap();
        check(root.path()).unwrap();
    }

    #[test]
    fn numbers_are_numbers_in_typescript() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(TYPES)).unwrap();
        for (path, text) in make(root.path()).unwrap() {
            assert!(!text.contains("bigint"), "{}", path.display());
        }
    }
}
