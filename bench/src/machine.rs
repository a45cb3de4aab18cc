//! What processes and the machine have used, from /proc.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks a second in /proc: 100 on every Linux that Rust's standard library runs on.
const TICKS: f64 = 100.0;

/// Processor seconds at a moment.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    servers: f64,
    storing: f64,
    own: f64,
    machine: f64,
}

/// What was used between two moments.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    /// Processor seconds of the server's processes.
    pub(crate) server: f64,
    /// Those of them that went into storing: the thread that commits, and PostgreSQL.
    pub(crate) storing: f64,
    /// Those of this process.
    own: f64,
    /// Cores that neither they nor this process kept busy.
    pub(crate) other_cores: f64,
}

impl Moment {
    pub(crate) fn now(servers: &[u32]) -> Self {
        let all = with_children(servers);
        Self {
            at: Instant::now(),
            servers: all.iter().map(|pid| processor_seconds(&of_process(*pid))).sum(),
            storing: all.iter().map(|pid| storing_seconds(*pid)).sum(),
            own: processor_seconds(&of_process(std::process::id())),
            machine: machine_seconds(),
        }
    }

    pub(crate) fn since(&self, earlier: &Self) -> Used {
        let seconds = (self.at - earlier.at).as_secs_f64();
        let server = self.servers - earlier.servers;
        let storing = self.storing - earlier.storing;
        let own = self.own - earlier.own;
        let others = self.machine - earlier.machine - server - own;
        Used { seconds, server, storing, own, other_cores: others / seconds }
    }
}

impl Used {
    /// How long all that server and client did, but for storing, keeps the cores busy if none of them ever rests.
    pub(crate) fn seconds_without_storing(&self) -> f64 {
        (self.server - self.storing + self.own) / cores() as f64
    }
}

/// Resident bytes of processes, and of the kernel on behalf of everybody.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// Kernel stacks, page tables of the processes, and slabs.
    pub(crate) kernel: f64,
}

impl Memory {
    pub(crate) fn now(servers: &[u32]) -> Self {
        let text =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let all: Vec<String> = with_children(servers).iter().map(text).collect();
        let sum = |key| all.iter().map(|status| kilobytes(status, key)).sum::<f64>();
        let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            resident: sum("VmRSS:"),
            kernel: kilobytes(&machine, "KernelStack:")
                + kilobytes(&machine, "Slab:")
                + sum("VmPTE:"),
        }
    }
}

fn kilobytes(text: &str, key: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.unwrap_or(0.0) * 1024.0
}

/// These processes and everybody they have started.
fn with_children(pids: &[u32]) -> Vec<u32> {
    let mut all = pids.to_vec();
    let children = |pid: u32| {
        let mut found = Vec::new();
        for task in
            fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().take(1)
        {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        found
    };
    let mut at = 0;
    while at < all.len() {
        all.extend(children(all[at]));
        at += 1;
    }
    all
}

fn of_process(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()
}

/// What a process uses to store: all of it if it is PostgreSQL's, or else what the committer's thread uses.
fn storing_seconds(pid: u32) -> f64 {
    let process = of_process(pid);
    if process.contains("(postgres)") {
        return processor_seconds(&process);
    }
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stats = tasks.map(|task| fs::read_to_string(task.path().join("stat")).unwrap_or_default());
    let committers = stats.filter(|stat| stat.contains("(chat-committer)"));
    committers.map(|stat| processor_seconds(&stat)).sum()
}

/// User and system time in a `stat` of /proc, also of children that have ended.
fn processor_seconds(stat: &str) -> f64 {
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    let fields = rest.split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let fields = line.split_whitespace().skip(1).enumerate();
    // Without idle, waiting for disks, and what a hypervisor took.
    let busy = fields.filter(|(at, _)| matches!(at, 0 | 1 | 2 | 5 | 6));
    busy.filter_map(|(_, field)| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Waits until the machine is quiet: everything together uses less than `cores`. Returns whether it became so in time.
pub(crate) fn wait_until_quiet(cores: f64, patience: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let before = machine_seconds();
        std::thread::sleep(Duration::from_millis(500));
        if (machine_seconds() - before) / 0.5 < cores {
            return true;
        }
    }
    false
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// In a few words, for the head of a report.
pub(crate) fn describe() -> String {
    let cores = cores();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:");
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("{cores} cores ({model}), {:.0} GiB, Linux {}", memory / 1_073_741_824.0, kernel.trim())
}
