//! What a process has used, by the system's own accounting.

use std::time::Duration;

/// Ticks of the times in `/proc/PID/stat` a second: `USER_HZ`, 100 on Linux (proc(5), time(7)).
const TICKS_A_SECOND: u64 = 100;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all its threads, in user mode and in the system.
    pub cpu: Duration,
    /// The most memory it ever had resident, in bytes.
    pub resident_bytes_max: u64,
}

/// What the process `pid` has used; `None` where there is no `/proc` (not on Linux), or no such process.
#[must_use]
pub fn of_process(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu: cpu(&stat)?, resident_bytes_max: resident_bytes_max(&status)? })
}

/// Fields 14 and 15, utime and stime; the name in field 2 may itself hold blanks and brackets.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
}

fn resident_bytes_max(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_accounting_is_read() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 10";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(resident_bytes_max("Name:\tx\nVmHWM:\t   51200 kB\n"), Some(52_428_800));
        assert_eq!((cpu("42 (x) S 1"), resident_bytes_max("VmHWM: many kB")), (None, None));
    }
}
