//! How many more threads the control groups of the process allow (`TasksMax`, `pids_limit`).

use std::fs;
use std::path::Path;

/// Where Linux shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Threads that the control groups of this process still allow. `u64::MAX`: there is no limit, or it cannot be read.
pub(crate) fn left() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    left_in(Path::new(ROOT), &groups)
}

/// The same for the groups that `groups` names, a line `number:controllers:path` each, under `root`. Every group on the
/// way up counts. In a container the path may be that of the host, which is not there; the container's root is.
fn left_in(root: &Path, groups: &str) -> u64 {
    let mut left = u64::MAX;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        // Version 2 has one tree for all controllers, version 1 one for each.
        let tree = match controllers {
            "" => root.to_owned(),
            _ if controllers.split(',').any(|name| name == "pids") => root.join(controllers),
            _ => continue,
        };
        let group = tree.join(path.trim_start_matches('/'));
        for group in group.ancestors().take_while(|group| group.starts_with(&tree)) {
            let number = |name| {
                let text = fs::read_to_string(group.join(name)).ok()?;
                text.trim().parse::<u64>().ok()
            };
            // "max" is no number and no limit.
            if let Some(max) = number("pids.max") {
                left = left.min(max.saturating_sub(number("pids.current").unwrap_or(0)));
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_group_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = |path: &str, max: &str, current: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("pids.max"), max).unwrap();
            fs::write(path.join("pids.current"), current).unwrap();
        };
        group("system.slice/messenger.service", "1000\n", "10\n");
        group("system.slice", "max\n", "500\n");
        group("user.slice/user-1.slice/app", "max\n", "1\n");
        group("user.slice/user-1.slice", "600\n", "550\n");
        group("pids/docker", "40\n", "45\n");
        let left = |groups: &str| left_in(root.path(), groups);
        assert_eq!(left("0::/system.slice/messenger.service\n"), 990);
        assert_eq!(left("0::/user.slice/user-1.slice/app\n"), 50);
        assert_eq!(left("0::/elsewhere/on/the/host\n"), u64::MAX);
        assert_eq!(left("5:devices:/docker\n0::/\n"), u64::MAX);
        assert_eq!(left("8:pids:/docker\n0::/system.slice\n"), 0);
        assert_eq!(left(""), u64::MAX);
        group("", "100\n", "1\n");
        assert_eq!(left("0::/elsewhere/on/the/host\n"), 99, "a container's own root");
        assert_eq!(left("0::/system.slice/messenger.service\n"), 99);
    }
}
