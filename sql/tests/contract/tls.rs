//! TLS to a real PostgreSQL: the right certificate is accepted, and every wrong one refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use acceptance::Cluster;
use postgres::{Client, NoTls};
use sql::{DatabaseUrl, OpenError, Store};

/// Makes a certificate for `localhost` in `directory`, self-signed as `NAME.crt` with its key in `NAME.key`.
fn certificate(directory: &Path, name: &str) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Gives a running server the certificate, and waits until it uses it.
fn install(url: &str, directory: &Path) {
    let mut client = Client::connect(url, NoTls).unwrap();
    let data: String = client.query_one("show data_directory", &[]).unwrap().get(0);
    let data = Path::new(&data);
    let owner = fs::metadata(data).unwrap();
    for file in ["server.crt", "server.key"] {
        fs::copy(directory.join(file), data.join(file)).unwrap();
        fs::set_permissions(data.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        chown(data.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    client.batch_execute("alter system set ssl = on").unwrap();
    client.batch_execute("select pg_reload_conf()").unwrap();
    acceptance::until("TLS", acceptance::PATIENCE, || {
        let ssl: String = Client::connect(url, NoTls)?.query_one("show ssl", &[])?.get(0);
        Ok((ssl == "on").then_some(()))
    })
    .unwrap();
}

/// Why a store could not be opened.
fn refused(url: &str) -> String {
    let url: DatabaseUrl = url.parse().unwrap();
    let said = std::cell::RefCell::new(String::new());
    let patience = |reason: &str| {
        said.borrow_mut().push_str(reason);
        false
    };
    match Store::open(&url, sql::ContactPolicy::Request, &patience).err().unwrap() {
        OpenError::Stopped => said.take(),
        error => error.to_string(),
    }
}

pub fn only_a_server_that_proves_its_name_is_trusted() {
    let cluster = Cluster::make().unwrap();
    cluster.start().unwrap();
    let plain = cluster.database().unwrap();
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path(), "server");
    certificate(directory.path(), "stranger");

    let by_name = plain.replace("127.0.0.1", "localhost");
    let roots = |name: &str| {
        format!("sslmode=verify-full&sslrootcert={}/{name}.crt", directory.path().display())
    };
    let before = refused(&format!("{by_name}?{}", roots("server")));
    assert!(before.contains("server does not support TLS"), "{before}");

    install(&plain, directory.path());
    let store = crate::open(&format!("{by_name}?{}", roots("server")).parse().unwrap());
    store.health().unwrap();
    let mut client = Client::connect(&plain, NoTls).unwrap();
    let sql = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) \
               where application_name = 'messenger' and ssl";
    let encrypted: i64 = client.query_one(sql, &[]).unwrap().get(0);
    assert!(encrypted > 0, "the connection is not encrypted");

    for (url, word) in [
        (format!("{by_name}?{}", roots("stranger")), "certificate"),
        (format!("{plain}?{}", roots("server")), "certificate"),
        (format!("{by_name}?{}", roots("missing")), "missing.crt"),
    ] {
        let said = refused(&url);
        assert!(said.contains(word), "{url}: {said}");
    }
}
