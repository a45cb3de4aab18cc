//! Uploads and downloads of files.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::Client;
use crate::{Call, raw};

/// What the body of an upload is called.
pub const UPLOAD_TYPE: &str = "application/offset+octet-stream";

impl Client {
    /// A request of the upload protocol with this device's token.
    ///
    /// # Errors
    /// Without an auth server.
    pub fn tus(&self, method: &str, path: &str) -> Result<Call> {
        Ok(self.ask(method, path)?.header("tus-resumable", "1.0.0"))
    }

    /// Begins an upload of `size` bytes with this metadata, and returns its path.
    ///
    /// # Errors
    /// When it is refused.
    pub fn begin_upload(&self, size: usize, metadata: &[(&str, &str)]) -> Result<String> {
        let call = self.tus("POST", "/files")?.header("upload-length", &size.to_string());
        let begun = call.header("upload-metadata", &upload_metadata(metadata)).send()?;
        ensure!(begun.status == 201, "{} {}", begun.status, begun.text);
        ensure!(begun.header("upload-offset") == Some("0"), "{:?}", begun.headers);
        Ok(begun.header("location").context("no Location")?.to_owned())
    }

    /// Sends the next bytes of an upload and returns how far it has come.
    ///
    /// # Errors
    /// When they are refused.
    pub fn append(&self, path: &str, offset: usize, bytes: &[u8]) -> Result<usize> {
        let call = self.tus("PATCH", path)?.header("upload-offset", &offset.to_string());
        let answer = call.typed(UPLOAD_TYPE, bytes.to_vec()).send()?;
        ensure!(answer.status == 204, "{} {}", answer.status, answer.text);
        Ok(answer.header("upload-offset").context("no Upload-Offset")?.parse()?)
    }

    /// Begins to send the first `length` bytes of an upload: the connection, once the server has asked for them; nothing if
    /// it refuses.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn begin_body(&self, path: &str, length: usize) -> Result<Option<TcpStream>> {
        let mut stream = raw::connect(&self.endpoints.auth_address()?, None)?;
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
             Content-Type: {UPLOAD_TYPE}\r\nUpload-Offset: 0\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes())?;
        let mut called = [0; 25];
        stream.read_exact(&mut called)?;
        Ok(called.starts_with(b"HTTP/1.1 100").then_some(stream))
    }

    /// How far an upload has come.
    ///
    /// # Errors
    /// When there is none.
    pub fn upload_offset(&self, path: &str) -> Result<usize> {
        let answer = self.tus("HEAD", path)?.send()?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text);
        Ok(answer.header("upload-offset").context("no Upload-Offset")?.parse()?)
    }

    /// Uploads a whole file and returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub fn upload(&self, name: &str, kind: &str, bytes: &[u8]) -> Result<String> {
        self.upload_with(&[("filename", name), ("filetype", kind)], bytes)
    }

    /// The same with this metadata.
    ///
    /// # Errors
    /// When it is refused.
    pub fn upload_with(&self, metadata: &[(&str, &str)], bytes: &[u8]) -> Result<String> {
        let path = self.begin_upload(bytes.len(), metadata)?;
        if !bytes.is_empty() {
            let offset = self.append(&path, 0, bytes)?;
            ensure!(offset == bytes.len(), "{offset} bytes of {}", bytes.len());
        }
        Ok(path.trim_start_matches("/files/").to_owned())
    }

    /// The status of a download, and what it has in text.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn download(&self, id: &str) -> Result<(u16, String)> {
        let answer = self.ask("GET", &format!("/files/{id}"))?.send()?;
        Ok((answer.status, answer.text))
    }

    /// Sends a message with these files, and returns the answer.
    ///
    /// # Errors
    /// When it is not stored.
    pub fn send_files(&mut self, to: &Client, content: &str, files: &[&str]) -> Result<Value> {
        let sent = self.request(json!({"to": to.id, "content": content, "files": files}))?;
        ensure!(sent["type"] == "sent", "{sent}");
        Ok(sent)
    }
}

/// `Upload-Metadata` of these keys and values.
pub fn upload_metadata(pairs: &[(&str, &str)]) -> String {
    let pair = |(key, value): &(&str, &str)| format!("{key} {}", BASE64.encode(value.as_bytes()));
    pairs.iter().map(pair).collect::<Vec<_>>().join(",")
}
