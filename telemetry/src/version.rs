//! The version that a program prints.

/// The version and the commit of the program that this macro is used in, as `0.1.0 (3f2a9c1d0b7e)`.
///
/// The commit is the environment variable `MESSENGER_COMMIT` at build time (packages set it), else that of the git
/// repository, else `unknown`. Use it in a `main.rs` only: a commit then rebuilds the programs and no library.
#[macro_export]
macro_rules! version {
    () => {
        $crate::version::with_commit(
            env!("CARGO_PKG_VERSION"),
            option_env!("MESSENGER_COMMIT"),
            $crate::version::git_version!(
                args = ["--always", "--exclude=*", "--abbrev=12"],
                fallback = "unknown"
            ),
        )
    };
}

pub use git_version::git_version;

/// A version and its commit: `given` unless it is empty, else `found`.
pub fn with_commit(version: &str, given: Option<&str>, found: &str) -> String {
    let commit = given.filter(|commit| !commit.is_empty()).unwrap_or(found);
    format!("{version} ({commit})")
}

#[cfg(test)]
mod tests {
    use super::with_commit;

    #[test]
    fn a_package_names_its_commit_before_git_does() {
        assert_eq!(with_commit("1.2.3", Some("abc"), "def"), "1.2.3 (abc)");
        assert_eq!(with_commit("1.2.3", Some(""), "def"), "1.2.3 (def)");
        assert_eq!(with_commit("1.2.3", None, "unknown"), "1.2.3 (unknown)");
    }
}
