//! Certificates.

use anyhow::{Result, ensure};

/// A certificate for 127.0.0.1 that is its own authority, and its key.
pub fn certificate(dir: &std::path::Path) -> Result<[String; 2]> {
    let [certificate, key] =
        ["certificate.pem", "key.pem"].map(|name| dir.join(name).display().to_string());
    let output = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args([
            "-addext",
            "basicConstraints=critical,CA:false",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok([certificate, key])
}
