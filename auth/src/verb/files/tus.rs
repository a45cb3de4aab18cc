//! Headers and checks that all requests of the protocol share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Head, Response};
use sql::Upload;

use crate::error::ApiError;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration";
/// The media type of a body with bytes of a file.
pub(crate) const BODY_TYPE: &str = "application/offset+octet-stream";

/// Whether this path is one of uploads and downloads.
pub(crate) fn is_at(path: &str) -> bool {
    path == "/files" || path.starts_with("/files/")
}

/// The effective method. A POST may name another one, for networks that do not pass PATCH or DELETE.
pub(crate) fn method(head: &Head) -> &str {
    let other = head.header("x-http-method-override");
    match other.filter(|_| head.method == "POST" && is_at(head.path())) {
        Some(method) => method,
        None => &head.method,
    }
}

/// # Errors
/// 412 unless the request names the supported version. Downloads, and HEAD by browsers, need not name one.
pub(crate) fn check_version(head: &Head) -> Result<(), ApiError> {
    match (head.header("tus-resumable"), method(head)) {
        (Some(VERSION), _) | (_, "GET") | (None, "HEAD") => Ok(()),
        _ => Err(ApiError::unsupported_version(VERSION)),
    }
}

/// Adds the protocol's version to a response.
pub(crate) fn resumable(response: Response) -> Response {
    response.with_header("Tus-Resumable", VERSION)
}

/// The response to OPTIONS: the supported version and extensions.
pub(crate) fn described(response: Response, file_max: u64) -> Response {
    resumable(response)
        .with_header("Tus-Version", VERSION)
        .with_header("Tus-Extension", EXTENSIONS)
        .with_header("Tus-Max-Size", file_max.to_string())
}

/// Adds the time at which the upload is deleted unless a message has it.
pub(super) fn with_expiry(response: Response, expires_at: Option<i64>) -> Response {
    let time = expires_at.and_then(|at| u64::try_from(at).ok());
    let time = time.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_millis(at)));
    match time {
        Some(time) => response.with_header("Upload-Expires", date(time)),
        None => response,
    }
}

/// As [`with_expiry`], of an upload that is not whole yet.
pub(super) fn with_expiry_of(response: Response, upload: &Upload, offset: i64) -> Response {
    with_expiry(response, upload.expires_at.filter(|_| offset < upload.size))
}

fn date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

/// A header that is a number of bytes.
///
/// # Errors
/// 400 if there is one that is not a number, or more than one.
pub(super) fn bytes(head: &Head, name: &'static str) -> Result<Option<i64>, ApiError> {
    let mut values = head.values(name);
    let Some(value) = values.next() else { return Ok(None) };
    let is_number = (1..=18).contains(&value.len()) && value.bytes().all(|it| it.is_ascii_digit());
    match value.parse() {
        Ok(number) if is_number && values.next().is_none() => Ok(Some(number)),
        _ => Err(ApiError::bad_request(format!("{name} must be a number of bytes"))),
    }
}

/// Whether the request's body has the required media type.
pub(super) fn is_body_type(head: &Head) -> bool {
    let mut values = head.values("content-type");
    let kind = values.next().map(|value| value.split(';').next().unwrap_or_default().trim());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(BODY_TYPE)) && values.next().is_none()
}
