//! The rules of the house, held by reading the source: floors, first lines, lengths, names, words.
use std::{
    fs,
    path::{Path, PathBuf},
};

const LONGEST: usize = 500;

/// The floor of a room. What is not listed is at the top.
fn floor(room: &str) -> u8 {
    match room {
        "kernel" => 0,
        "db" | "http" | "runtime" | "bus" | "socket" | "jobs" | "mail" | "files" | "ai" | "search" => 1,
        "identity" => 2,
        "rest" => 3,
        "builder" | "studio" | "coaching" | "content" | "workbook" => 4,
        "live" | "collab" => 5,
        "gateway" => 6,
        _ => 7,
    }
}

/// `src/live/core/poll.rs` is in room `live`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The paths that follow each `crate::`, with groups opened: `crate::{a::b, c}` names `a::b` and `c`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names_in_group(group, &mut found),
            None => found.push(path_at(rest)),
        }
    }
    found
}

fn path_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

fn names_in_group(group: &str, found: &mut Vec<String>) {
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let name = path_at(group[start..at].trim());
                if !name.is_empty() {
                    found.push(name);
                }
                start = at + 1;
                if c == '}' {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// Parts of rooms that import only `kernel` and each other, and know neither tables nor tasks.
const PURE: [&str; 8] = [
    "src/live/core/",
    "src/collab/lib0",
    "src/collab/ysync",
    "src/collab/hocuspocus",
    "src/collab/gate",
    "src/collab/awareness",
    "src/collab/document",
    "src/collab/schema",
];

/// May code of `path` name `import`?
fn may_import(path: &str, import: &str) -> bool {
    let (own, other) = (room(path), import.split("::").next().unwrap_or_default());
    if floor(own) == 7 || floor(other) == 7 && !is_room(other) {
        return true;
    }
    if PURE.iter().any(|place| path.starts_with(place)) {
        let place = format!("src/{}/", import.replace("::", "/"));
        return other == "kernel" || own == other && PURE.iter().any(|pure| place.starts_with(pure));
    }
    if own == other {
        return true;
    }
    let facts = floor(own) == 4 && floor(other) == 4 && import.contains("::facts");
    facts || floor(other) < floor(own)
}

/// Modules at the top; any other name after `crate::` is an item, as a macro.
fn is_room(name: &str) -> bool {
    floor(name) < 7 || matches!(name, "app" | "cli" | "config" | "server" | "telemetry" | "seed")
}

/// Code without comments and tests: rules about code do not bind prose, and tests may do more.
fn bare(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a Rust file of the server.
fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = shape(path, text);
    if !text.starts_with("//! ") {
        faults.push("the first line says what the file is: `//! …`".to_owned());
    }
    if path.contains("/tests/") || path.ends_with("/tests.rs") || !path.starts_with("src/") {
        return faults;
    }
    let (code, own) = (bare(text), room(path));
    for import in imports(&code) {
        if !may_import(path, &import) {
            faults.push(format!("`{own}` is on floor {} and may not look up or sideways to `{import}`", floor(own)));
        }
    }
    let pure = PURE.iter().any(|place| path.starts_with(place));
    let sql = matches!(own, "db" | "jobs") || matches!(floor(own), 2 | 4 | 5) && !pure;
    for (words, allowed, where_it_belongs) in [
        (
            &["sqlx::query", "query!(", "query_as!(", "query_scalar!("][..],
            sql,
            "SQL is on floors 2, 4, 5, in db and jobs",
        ),
        (&["PgPool"], own == "db", "the pool stays in db"),
        (&["yrs::"], path.starts_with("src/collab/document"), "only a document touches yrs"),
        (&["std::env", "env::var", "env::args"], path == "src/config.rs", "the environment is read in config.rs"),
        (&["tokio::spawn", "task::spawn(", "JoinSet"], own == "runtime", "tasks are started through runtime"),
        (&["unbounded_channel", "mpsc::unbounded", "UnboundedSender"], false, "every queue is bounded"),
        (&["#[allow(", "#![allow("], false, "write #[expect(…, reason = …)]"),
        (&["todo!(", "unimplemented!(", "dbg!("], false, "unfinished"),
        (&["unsafe {", "unsafe fn", "unsafe impl"], false, "no unsafe"),
    ] {
        for word in words.iter().filter(|word| !allowed && code.contains(**word)) {
            faults.push(format!("`{word}`: {where_it_belongs}"));
        }
    }
    faults
}

/// What is wrong with the length, the name or the words of any source file.
fn shape(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        faults.push(format!("{lines} lines; at most {LONGEST}"));
    }
    let patterns = [
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "misc",
        "shared",
        "service",
        "services",
        "model",
        "models",
        "manager",
        "managers",
        "types",
        "constants",
    ];
    for part in path.split('/') {
        let name = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
        if patterns.contains(&name.as_str()) {
            faults.push(format!("`{part}` is the name of a pattern; name it after what it is about"));
        }
    }
    for word in ["TODO", "FIXME", "XXX", "HACK"] {
        let found = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word);
        if found && !path.ends_with("tests/tidy.rs") {
            faults.push(format!("`{word}`: do it, or write an issue"));
        }
    }
    faults
}

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // `gen` is written by a program; `results` by the browser tests.
            if !name.starts_with('.')
                && !matches!(name.as_str(), "node_modules" | "dist" | "gen" | "target" | "results")
            {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn examine(folder: &str, endings: &[&str], rule: fn(&str, &str) -> Vec<String>) -> (usize, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join(folder), endings, &mut paths);
    paths.sort();
    let mut all = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        all.extend(rule(&name, &text).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    (paths.len(), all)
}

#[test]
fn the_house_is_tidy() {
    let (count, mut all) = examine("src", &[".rs"], faults);
    assert!(count > 20, "the source was not found");
    all.extend(examine("loadtest/src", &[".rs"], faults).1);
    all.extend(examine("clients", &[".ts", ".svelte", ".mjs", ".css"], shape).1);
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let code =
        "use crate::kernel::Id;\nuse crate::{db::{Db, migrate}, http, live::core::{a, b}};\nfn f() { crate::app::x() }";
    assert_eq!(imports(code), ["kernel::Id", "db::", "http", "live::core::", "app::x"]);
}

#[test]
fn rooms_look_down_only() {
    for (path, import, allowed) in [
        ("src/http/problem.rs", "kernel::Code", true),
        ("src/http/problem.rs", "http::x", true),
        ("src/http/health.rs", "db::Db", false),
        ("src/db/mod.rs", "identity::user", false),
        ("src/live/room.rs", "db::Db", true),
        ("src/live/room.rs", "gateway::x", false),
        ("src/live/room.rs", "collab::x", false),
        ("src/live/core/poll.rs", "kernel::Id", true),
        ("src/live/core/poll.rs", "live::core::x", true),
        ("src/live/core/poll.rs", "live::room", false),
        ("src/live/core/poll.rs", "db::Db", false),
        ("src/collab/gate/scan.rs", "collab::lib0::Reader", true),
        ("src/collab/gate/scan.rs", "collab::store::x", false),
        ("src/collab/document/mod.rs", "db::Db", false),
        ("src/collab/store.rs", "collab::document::x", true),
        ("src/collab/store.rs", "db::Db", true),
        ("src/collab/store.rs", "live::x", false),
        ("src/gateway/mod.rs", "live::x", true),
        ("src/gateway/mod.rs", "app::App", false),
        ("src/identity/user.rs", "config::Config", false),
        ("src/studio/mod.rs", "builder::facts", true),
        ("src/studio/mod.rs", "builder::session", false),
        ("src/app.rs", "gateway::x", true),
        ("src/kernel/id.rs", "codes", true),
    ] {
        assert_eq!(may_import(path, import), allowed, "{path} → {import}");
    }
}

#[test]
fn the_rules_fire() {
    let count = |path: &str, text: &str| faults(path, text).len();
    assert_eq!(count("src/live/log.rs", "//! Fine.\nuse crate::db::Db;\nfn f() { sqlx::query(\"\") }"), 0);
    for (path, text) in [
        ("src/http/a.rs", "use x;"),
        ("src/http/a.rs", "//! A.\nuse crate::live::x;"),
        ("src/http/a.rs", "//! A.\nfn f() { sqlx::query(\"\") }"),
        ("src/live/core/a.rs", "//! A.\nfn f() { sqlx::query(\"\") }"),
        ("src/collab/gate.rs", "//! A.\nfn f() { sqlx::query(\"\") }"),
        ("src/live/a.rs", "//! A.\nstruct S(PgPool);"),
        ("src/collab/room.rs", "//! A.\nuse yrs::Doc;"),
        ("src/server.rs", "//! A.\nfn f() { std::env::current_dir(); }"),
        ("src/server.rs", "//! A.\nfn f() { tokio::spawn(x); }"),
        ("src/live/a.rs", "//! A.\nfn f() { mpsc::unbounded(); }"),
        ("src/live/a.rs", "//! A.\n#[allow(dead_code)]\nfn f() {}"),
        ("src/live/a.rs", "//! A.\nfn f() { todo!() }"),
        ("src/live/a.rs", "//! A.\n// FIXME later"),
        ("src/live/utils.rs", "//! A."),
        ("src/helpers/mod.rs", "//! A."),
        ("src/live/a.rs", &format!("//! A.\n{}", "\n".repeat(LONGEST))),
    ] {
        assert_eq!(count(path, text), 1, "{path}: {text} → {:?}", faults(path, text));
    }
    // Prose and tests are free.
    assert_eq!(
        count(
            "src/http/a.rs",
            "//! A.\n// tokio::spawn is banned\n#[cfg(test)]\nmod tests { fn f() { tokio::spawn(x) } }"
        ),
        0
    );
    assert_eq!(shape("clients/web/src/lib/common.ts", "").len(), 1);
}
