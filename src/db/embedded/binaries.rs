//! Finding the programs of PostgreSQL on this machine.
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// Older versions lack what the schema uses.
const OLDEST: u32 = 15;

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    /// Major version.
    pub major: u32,
}

impl Binaries {
    /// Looks in `named` (and nowhere else, if given), on the search path, and where Debian and Red Hat put them.
    /// `needed` is the version an existing cluster was made with: only the same one can open it.
    pub fn find(named: Option<&Path>, needed: Option<u32>) -> anyhow::Result<Self> {
        if let Some(folder) = named {
            let found = Self::at(folder).with_context(|| {
                format!("ATELIER_PG_BIN is {}, but there is no working postgres and initdb", folder.display())
            })?;
            return found.suits(needed);
        }
        let found: Vec<Self> = candidates().iter().filter_map(|folder| Self::at(folder)).collect();
        choose(&found, needed).map_or_else(|| Err(missing(&found, needed)), Ok)
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn at(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let out = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
        let major = major(&String::from_utf8_lossy(&out.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }

    fn suits(self, needed: Option<u32>) -> anyhow::Result<Self> {
        match choose(std::slice::from_ref(&self), needed) {
            Some(found) => Ok(found),
            None => Err(missing(&[self], needed)),
        }
    }
}

fn choose(found: &[Binaries], needed: Option<u32>) -> Option<Binaries> {
    let suitable = |b: &&Binaries| needed.map_or(b.major >= OLDEST, |needed| b.major == needed);
    found.iter().find(suitable).cloned()
}

fn missing(found: &[Binaries], needed: Option<u32>) -> anyhow::Error {
    const OTHERWISE: &str = "Or set DATABASE_URL to a PostgreSQL server you have, or ATELIER_PG_BIN to the folder with \
         its programs.";
    let versions = found.iter().map(|b| b.major.to_string()).collect::<Vec<_>>().join(", ");
    if let Some(needed) = needed {
        let have = if versions.is_empty() { "none" } else { &versions };
        return anyhow::anyhow!(
            "the data directory was made by PostgreSQL {needed}, which is not installed (found: {have}). Install it \
             again (apt-get install postgresql-{needed}). {OTHERWISE}"
        );
    }
    let why = if versions.is_empty() { "is not installed".to_owned() } else { format!("{versions} is too old") };
    anyhow::anyhow!(
        "PostgreSQL {why}; {OLDEST} or newer is needed. Install it (Debian, Ubuntu: apt-get install postgresql; macOS: \
         brew install postgresql; Fedora: dnf install postgresql-server) and start Atelier again. {OTHERWISE}"
    )
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` → 15
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL)")?.1.trim_start();
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    // The shell looks through the search path, so that the environment stays where it is read: in `config`.
    let on_path = Command::new("sh").args(["-c", "command -v postgres"]).stdin(Stdio::null()).output();
    if let Ok(out) = on_path
        && let Ok(program) = std::fs::canonicalize(String::from_utf8_lossy(&out.stdout).trim())
    {
        folders.extend(program.parent().map(Path::to_owned));
    }
    let mut installed: Vec<(u32, PathBuf)> = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt"]
        .iter()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.trim_start_matches("postgresql@").parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.extend(installed.into_iter().map(|(_, folder)| folder));
    folders.push(PathBuf::from("/usr/pgsql/bin"));
    folders.dedup();
    folders
}

/// The version an existing cluster was made with.
pub fn made_by(pgdata: &Path) -> anyhow::Result<Option<u32>> {
    let file = pgdata.join("PG_VERSION");
    match std::fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => bail!("{} does not hold a version number; this is not a database cluster", file.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(major: u32) -> Binaries {
        Binaries { folder: PathBuf::from(format!("/{major}")), major }
    }

    #[test]
    fn versions_are_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("something else 15"), None);
    }

    #[test]
    fn the_first_that_is_new_enough_or_exactly_the_one_the_data_needs() {
        let found = [have(14), have(17), have(15)];
        assert_eq!(choose(&found, None), Some(have(17)));
        assert_eq!(choose(&found, Some(15)), Some(have(15)));
        assert_eq!(choose(&found, Some(16)), None);
        assert_eq!(choose(&found[..1], None), None);
    }

    #[test]
    fn messages_name_the_package() {
        assert!(missing(&[], None).to_string().contains("apt-get install postgresql;"));
        assert!(missing(&[have(14)], None).to_string().contains("14 is too old"));
        let other = missing(&[have(17)], Some(15)).to_string();
        assert!(other.contains("postgresql-15") && other.contains("found: 17"), "{other}");
    }

    #[test]
    fn a_named_folder_without_programs_is_an_error() {
        assert!(Binaries::find(Some(Path::new("/nowhere")), None).unwrap_err().to_string().contains("/nowhere"));
    }
}
