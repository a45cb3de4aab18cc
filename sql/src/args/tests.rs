use super::*;
use clap::Parser;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    database: DatabaseArgs,
}

fn args(database: Option<&str>, file: Option<&Path>) -> DatabaseArgs {
    DatabaseArgs {
        database: database.map(ToOwned::to_owned),
        database_file: file.map(ToOwned::to_owned),
        database_replica: None,
        database_replica_file: None,
        account_quota: 0,
        clock_confirmed: None,
        contact: ContactPolicy::Request,
    }
}

#[test]
fn a_flag_or_a_file_names_the_database_but_not_both() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    fs::write(&file, "postgres://me:hunter2@localhost/x\n").unwrap();
    let shown =
        |args: &DatabaseArgs| args.resolve(DefaultDatabase::None).unwrap().unwrap().to_string();
    assert_eq!(shown(&args(None, Some(&file))), "postgres://localhost/x");
    assert_eq!(shown(&args(Some("sqlite:a.db"), None)), "sqlite:a.db");
    assert_eq!(shown(&args(Some("sqlite:a.db"), Some(Path::new("")))), "sqlite:a.db");
    let both = args(Some("sqlite:a.db"), Some(&file)).resolve(DefaultDatabase::None);
    assert!(matches!(both, Err(UsageError::Both(DATABASE))));
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    let missing = args(None, Some(&file)).resolve(DefaultDatabase::None).err().unwrap();
    assert!(missing.to_string().contains(file.to_str().unwrap()));
    fs::write(&file, "postgres://me:hunter2@localhost:port/x").unwrap();
    let malformed =
        args(None, Some(&file)).resolve(DefaultDatabase::None).err().unwrap().to_string();
    assert!(malformed.contains("PostgreSQL") && !malformed.contains("hunter2"), "{malformed}");
    let malformed = args(Some("mysql://me:hunter2@x"), None).resolve(DefaultDatabase::None);
    let malformed = malformed.err().unwrap().to_string();
    assert!(malformed.contains("DATABASE_URL") && !malformed.contains("hunter2"), "{malformed}");
}

#[test]
fn a_replica_needs_a_postgresql_database_and_is_one() {
    let resolve = |database: &str, replica: &str| {
        let args = args(Some(database), None);
        let args = DatabaseArgs { database_replica: Some(replica.to_owned()), ..args };
        args.resolve(DefaultDatabase::None).err().map(|error| error.to_string())
    };
    assert_eq!(resolve("postgres://a/x", "postgres://b/x"), None);
    assert_eq!(resolve("sqlite:a.db", ""), None);
    for (database, replica) in [
        ("sqlite:a.db", "postgres://b/x"),
        ("postgres://a/x", "sqlite:b.db"),
        ("", "postgres://b/x"),
    ] {
        let said = resolve(database, replica).unwrap();
        assert!(said.contains("streaming replica"), "{said}");
    }
    let malformed = resolve("postgres://a/x", "postgres://me:hunter2@b:port/x").unwrap();
    assert!(
        malformed.contains("DATABASE_REPLICA") && !malformed.contains("hunter2"),
        "{malformed}"
    );
}

#[test]
fn nothing_set_is_the_default() {
    assert!(args(None, None).resolve(DefaultDatabase::None).unwrap().is_none());
    assert!(args(Some(""), None).resolve(DefaultDatabase::None).unwrap().is_none());
    let place = |state: &str, data: &str, home: &str| {
        let all = [("STATE_DIRECTORY", state), ("XDG_DATA_HOME", data), ("HOME", home)];
        let given = |name: &str| {
            let (_, value) = all.iter().find(|(known, _)| *known == name)?;
            (!value.is_empty()).then(|| PathBuf::from(value))
        };
        data_directory_from(given).map(|path| path.display().to_string())
    };
    let expect = |path: &str| Some(path.to_owned());
    assert_eq!(place("/state", "/data", "/home/me"), expect("/state"));
    assert_eq!(place("", "/data", "/home/me"), expect("/data/messenger"));
    assert_eq!(place("", "", "/home/me"), expect("/home/me/.local/share/messenger"));
    assert_eq!(place("", "relative", ""), None);
    assert_eq!(place("", "", ""), None);
}

#[test]
fn help_does_not_show_what_the_environment_holds() {
    let mut command = <Program as clap::CommandFactory>::command();
    let help = command.render_long_help().to_string();
    assert!(help.contains("DATABASE_URL_FILE"));
    let database = command.get_arguments().find(|arg| arg.get_id() == "database").unwrap();
    assert!(database.is_hide_env_values_set());
}

#[test]
fn a_database_that_is_away_is_waited_for_longer_and_longer_until_told_to_stop() {
    // A port that was free a moment ago: nobody answers there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://me@127.0.0.1:{port}/x").parse().unwrap();
    let pauses = std::cell::RefCell::new(Vec::new());
    let outcome = open(&url, ContactPolicy::Request, |pause| {
        pauses.borrow_mut().push(pause.as_millis());
        pauses.borrow().len() == 6
    });
    assert!(matches!(outcome, Err(OpenDatabaseError::Open(OpenError::Stopped))));
    assert_eq!(*pauses.borrow(), [1000, 2000, 4000, 5000, 5000, 5000]);
}
