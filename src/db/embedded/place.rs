//! Where a private cluster lives and as whom it runs: folders, the lock, and the user that PostgreSQL insists on.
use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use rustix::process::geteuid;
use sha2::{Digest, Sha256};

/// A socket's path has to fit into 108 bytes (104 on some systems), with `/.s.PGSQL.5432` at its end.
const LONGEST_SOCKET_FOLDER: usize = 85;

/// A user and his group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// The folders of one cluster.
#[derive(Debug)]
pub struct Place {
    /// The data directory, absolute.
    pub data: PathBuf,
    /// The cluster.
    pub pgdata: PathBuf,
    /// The folder of its socket.
    pub sockets: PathBuf,
    /// As whom to run, when we are root: PostgreSQL refuses to run as root.
    pub account: Option<Account>,
    /// Held as long as we live; the kernel lets go of it however we end.
    _lock: File,
}

impl Place {
    /// Takes the data directory for this process, and makes what is missing.
    pub fn take(data: &Path) -> anyhow::Result<Self> {
        let is_root = geteuid().is_root();
        // Others may pass through, where PostgreSQL has to run as somebody else; nobody else may look inside.
        let mode = if is_root { 0o711 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(data)
            .with_context(|| format!("cannot make the data directory {}", data.display()))?;
        let data = data.canonicalize().with_context(|| format!("cannot open the data directory {}", data.display()))?;
        let lock = lock(&data)?;
        let pgdata = data.join("pgdata");
        let account = if is_root { Some(account(&pgdata)?) } else { None };
        if let Some(account) = account {
            reachable(&data, account)?;
        } else if let Ok(owned) = pgdata.metadata() {
            ensure!(
                owned.uid() == geteuid().as_raw(),
                "{} belongs to another user (uid {}): Atelier was started as root or as somebody else before. Start it \
                 as that user again, or choose another ATELIER_DATA_DIR.",
                pgdata.display(),
                owned.uid()
            );
        }
        let sockets = sockets(&data, account)?;
        Ok(Self { data, pgdata, sockets, account, _lock: lock })
    }

    /// Makes a folder that only the cluster's user may enter.
    pub fn private_folder(&self, path: &Path) -> anyhow::Result<()> {
        private_folder(path, self.account)
    }
}

/// Takes `{data}/lock`, or says who has it.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write to the data directory: {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim();
            let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
            bail!(
                "the data directory {} is in use by another Atelier{who}. Stop that one first, or set ATELIER_DATA_DIR \
                 to another directory.",
                data.display()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Whoever owns the cluster already; else `postgres` or `nobody`.
fn account(pgdata: &Path) -> anyhow::Result<Account> {
    if let Ok(owned) = pgdata.metadata() {
        ensure!(owned.uid() != 0, "{} belongs to root, and PostgreSQL refuses to run as root", pgdata.display());
        return Ok(Account { uid: owned.uid(), gid: owned.gid() });
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    named(&users, "postgres")
        .or_else(|| named(&users, "nobody"))
        .context("there is no user postgres or nobody to run PostgreSQL as (it refuses to run as root)")
}

fn named(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let mut numbers = fields.skip(1).map(|field| field.parse().ok());
        let account = Account { uid: numbers.next()??, gid: numbers.next()?? };
        (account.uid != 0).then_some(account)
    })
}

/// Every folder on the way has to let the account pass.
fn reachable(data: &Path, account: Account) -> anyhow::Result<()> {
    for folder in data.ancestors() {
        let meta = folder.metadata().with_context(|| format!("cannot look at {}", folder.display()))?;
        ensure!(
            passes(&meta, account),
            "PostgreSQL refuses to run as root and runs as user {} instead, but {} does not let that user through to \
             {}. Set ATELIER_DATA_DIR to a directory that can be reached, for example /var/lib/atelier, start Atelier \
             as an ordinary user, or allow it: chmod o+x {}",
            account.uid,
            folder.display(),
            data.display(),
            folder.display(),
        );
    }
    Ok(())
}

fn passes(meta: &Metadata, account: Account) -> bool {
    let bit = if meta.uid() == account.uid {
        0o100
    } else if meta.gid() == account.gid {
        0o010
    } else {
        0o001
    };
    meta.mode() & bit != 0
}

/// A short path for the socket: inside the data directory, or a private folder under `/tmp`.
fn sockets(data: &Path, account: Option<Account>) -> anyhow::Result<PathBuf> {
    let inside = data.join("run");
    let path = if inside.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        inside
    } else {
        let digest = Sha256::digest(data.as_os_str().as_encoded_bytes());
        let short: u64 = digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        Path::new("/tmp").join(format!("atelier-{short:016x}"))
    };
    private_folder(&path, account)?;
    Ok(path)
}

fn private_folder(path: &Path, account: Option<Account>) -> anyhow::Result<()> {
    let owner = account.map_or_else(|| geteuid().as_raw(), |account| account.uid);
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            if let Some(account) = account {
                chown(path, Some(account.uid), Some(account.gid))
                    .with_context(|| format!("cannot hand {} to uid {}", path.display(), account.uid))?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
    // Under /tmp anybody could have made it, or a link to elsewhere, before us.
    let meta = path.symlink_metadata()?;
    ensure!(
        meta.is_dir() && meta.uid() == owner && (meta.mode() & 0o777) == 0o700,
        "{} is there already, but is not a private folder of uid {owner}; remove it and start again",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let refused = lock(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn accounts_come_from_the_list_of_users() {
        let users = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false\npostgres:x:0:0:::\n";
        assert_eq!(named(users, "nobody"), Some(Account { uid: 65534, gid: 65533 }));
        assert_eq!(named(users, "postgres"), None, "an alias of root is no use");
        assert_eq!(named(users, "body"), None);
    }

    #[test]
    fn long_paths_get_a_short_socket() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(90));
        std::fs::create_dir(&deep).unwrap();
        let path = sockets(&deep, None).unwrap();
        assert!(path.starts_with("/tmp") && path.as_os_str().len() <= LONGEST_SOCKET_FOLDER);
        assert_eq!(sockets(&deep, None).unwrap(), path, "the same again at the next start");
        std::fs::remove_dir(&path).unwrap();
        symlink(folder.path(), &path).unwrap();
        assert!(sockets(&deep, None).is_err(), "a link somebody left there is not followed");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("closed/data");
        std::fs::create_dir_all(&data).unwrap();
        let closed = folder.path().join("closed");
        for path in [folder.path(), &data] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o711)).unwrap();
        }
        let stranger = Account { uid: 4_000_001, gid: 4_000_001 };
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o711)).unwrap();
        reachable(&data, stranger).unwrap();
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
        let message = reachable(&data, stranger).unwrap_err().to_string();
        assert!(message.contains(&format!("chmod o+x {}", closed.display())), "{message}");
    }
}
