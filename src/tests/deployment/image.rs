//! `Dockerfile` and `.dockerignore`.
use std::process::Command;

use super::{file, root};

/// One instruction: its word and what follows, continued lines joined.
type Instruction = (String, String);

pub struct Image(Vec<Instruction>);

impl Image {
    pub fn read() -> Self {
        Self(instructions(&file("Dockerfile")))
    }

    fn all(&self, word: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == word).map(|(_, rest)| rest.as_str())
    }

    fn the(&self, word: &str) -> &str {
        self.all(word).last().unwrap_or_else(|| panic!("{word} is missing"))
    }

    /// What runs in it.
    pub fn program(&self) -> String {
        words(self.the("ENTRYPOINT")).remove(0)
    }

    /// The names of the stages, and what each begins with.
    fn stages(&self) -> Vec<(Option<&str>, &str)> {
        let stages = self.all("FROM").map(|from| match from.split_once(" AS ") {
            Some((base, name)) => (Some(name), base),
            None => (None, from),
        });
        stages.collect()
    }
}

fn instructions(text: &str) -> Vec<Instruction> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(split).collect()
}

/// `["a", "b"]`.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The binary knows these words.
pub fn takes(words: &[String]) {
    let asked = Command::new(env!("CARGO_BIN_EXE_atelier")).args(words).arg("--help").output().unwrap();
    assert!(asked.status.success(), "{words:?}: {}", String::from_utf8_lossy(&asked.stderr));
}

/// Does `.dockerignore` let this through? It begins with `*`, then names what comes in, then what of it stays out.
fn comes_in(ignore: &str, path: &str) -> bool {
    let mut inside = true;
    for rule in ignore.lines().map(str::trim).filter(|rule| !rule.is_empty() && !rule.starts_with('#')) {
        let (rule, lets_in) = rule.strip_prefix('!').map_or((rule, false), |rule| (rule, true));
        let hit = match rule.split_once("/**/") {
            Some((top, name)) => path.strip_prefix(top).is_some_and(|rest| rest.split('/').any(|part| part == name)),
            None => rule == "*" || path == rule || path.starts_with(&format!("{rule}/")),
        };
        if hit {
            inside = lets_in;
        }
    }
    inside
}

#[test]
fn everything_that_is_copied_exists() {
    let (image, ignore) = (Image::read(), file(".dockerignore"));
    let stages: Vec<&str> = image.stages().into_iter().filter_map(|(name, _)| name).collect();
    let mut copied = Vec::new();
    for copy in image.all("COPY") {
        let mut parts: Vec<&str> = copy.split_whitespace().collect();
        parts.pop().expect("a place");
        match parts[0].strip_prefix("--from=") {
            Some(stage) => assert!(stages.contains(&stage), "{copy}"),
            None => copied.extend(parts),
        }
    }
    for path in &copied {
        assert!(root().join(path).exists(), "{path} is copied, but is not there");
        assert!(comes_in(&ignore, path), "{path} is copied, but .dockerignore keeps it out");
    }
    for needed in
        ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo", ".sqlx", "migrations", "src", "loadtest", "clients"]
    {
        assert!(copied.contains(&needed), "the build needs {needed}");
    }
    for kept_out in ["target/x", ".git/config", "data/pgdata", "clients/node_modules/x", "clients/web/dist/index.html"]
    {
        assert!(!comes_in(&ignore, kept_out), "{kept_out}");
    }
    assert!(comes_in(&ignore, "clients/web/src/main.ts"));
}

/// `npm ci` refuses a lock file that names a workspace whose manifest is not there.
#[test]
fn every_workspace_is_there_before_its_packages_are_installed() {
    let image = Image::read();
    let manifest: serde_json::Value = serde_json::from_str(&file("clients/package.json")).unwrap();
    let workspaces: Vec<&str> =
        manifest["workspaces"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let before = image.0.iter().take_while(|(word, rest)| word != "RUN" || !rest.starts_with("npm ci"));
    let copied: Vec<&str> = before.filter(|(word, _)| word == "COPY").map(|(_, rest)| rest.as_str()).collect();
    assert!(copied.len() < image.all("COPY").count(), "npm ci is missing");
    let manifests = copied.iter().filter(|copy| copy.contains("/package.json ") && !copy.ends_with(" ./"));
    let manifests: Vec<&str> = manifests.copied().collect();
    let expected: Vec<String> = workspaces.iter().map(|w| format!("clients/{w}/package.json {w}/")).collect();
    assert_eq!(manifests, expected);
    assert!(copied.contains(&"clients/package.json clients/package-lock.json ./"), "{copied:?}");
}

#[test]
fn it_runs_one_program_without_rights() {
    let image = Image::read();
    let (name, base) = *image.stages().last().unwrap();
    assert!(name.is_none() && base.contains("distroless"), "the last stage is small: {base}");
    let user = image.the("USER").split(':').next().unwrap();
    assert!(!matches!(user, "root" | "0"), "{user}");
    let program = image.program();
    assert!(image.all("COPY").any(|copy| copy.starts_with("--from=") && copy.ends_with(&format!(" {program}"))));
    takes(&words(image.the("CMD")));
    let (_, check) = image.the("HEALTHCHECK").split_once("CMD ").expect("a command");
    let check = words(check);
    assert_eq!(check[0], program, "there is no other program to ask with");
    takes(&check[1..]);
    assert_eq!(image.the("STOPSIGNAL"), "SIGTERM");
    let port = image.the("EXPOSE");
    assert!(image.all("ENV").any(|settings| settings.contains(&format!("ATELIER_LISTEN=0.0.0.0:{port}"))));
}

#[test]
fn it_is_built_with_the_versions_that_are_asked_for() {
    let bases: Vec<String> = Image::read().stages().into_iter().map(|(_, base)| base.to_owned()).collect();
    let manifest = file("Cargo.toml");
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(bases.iter().any(|base| base.starts_with(&format!("rust:{rust}"))), "{bases:?}");
    // Both Debian: the binary finds the C library that it was built with.
    assert!(bases[1].ends_with("bookworm") && bases[2].contains("debian12"), "{bases:?}");
}
