//! Processes as the kernel sees them: CPU time, resident memory, open files.
use std::{fs, path::Path, time::Duration};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU time of a process with all its threads, user and kernel, from `/proc/PID/stat`. Steps of 10 ms.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}; is it running?"))?;
    // The name of the program may hold spaces; what follows its bracket does not.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).with_context(|| format!("{path} is not as expected"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis((user + system) * 1_000 / per_second))
}

/// CPU time of the tester itself.
pub fn own_cpu() -> Duration {
    cpu(std::process::id()).unwrap_or_default()
}

/// Resident memory in bytes: `VmRSS` of `/proc/PID/status`.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}; is it running?"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is no number")?;
    Ok(kib * 1024)
}

/// Raises our own soft limit of open files to the hard one, and checks that it suffices.
pub fn need_files(files: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        // Refused only where the hard limit is too low as well, and then the check below says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let now = getrlimit(Resource::Nofile).current;
    ensure!(
        now.is_none_or(|now| now >= files),
        "{files} open files are needed, the limit is {}. Raise it with ulimit -n, or take fewer participants",
        now.unwrap_or_default()
    );
    Ok(())
}

/// Checks the limit of open files of another process.
pub fn check_files_of(pid: u32, files: u64) -> anyhow::Result<()> {
    let path = format!("/proc/{pid}/limits");
    let text = fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().nth(3).unwrap_or("unlimited");
    let enough = soft.parse::<u64>().map_or(true, |soft| soft >= files);
    ensure!(
        enough,
        "the server (process {pid}) may open {soft} files, {files} are needed: start it with ulimit -n {files}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_measured() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 100_000);
        let before = own_cpu();
        while own_cpu() == before {
            std::hint::spin_loop();
        }
        check_files_of(pid, 1).unwrap();
        assert!(check_files_of(pid, 1 << 60).unwrap_err().to_string().contains("ulimit -n"));
    }
}
