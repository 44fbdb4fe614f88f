//! Sends an HTTP request, for probes and for steps.

use std::io::{self, Read};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::words::{fill, short};
use super::{Env, Reply};
use crate::probe::{Expect, HttpRequest, Method};

/// More of a body is not read.
const LONGEST_BODY: u64 = 1 << 20;

/// A request with all values in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filled {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What came back.
pub(super) struct Response {
    /// The status with its name.
    pub(super) status_line: String,
    status: u16,
    pub(super) body: Vec<u8>,
    is_cut: bool,
}

/// Puts the values into a request.
pub(super) fn fill_request(request: &HttpRequest, env: &Env) -> Result<Filled, Reply> {
    let headers = request.headers.iter().map(|(name, value)| Ok((name.clone(), fill(value, env)?)));
    Ok(Filled {
        method: request.method,
        url: fill(&request.url, env)?,
        headers: headers.collect::<Result<_, Reply>>()?,
        body: request.body.as_ref().map(|body| fill(body, env)).transpose()?,
    })
}

/// Returns a request that posts JSON.
pub(super) fn json_to(url: &str, headers: &[(String, String)], body: &serde_json::Value) -> Filled {
    Filled {
        method: Method::Post,
        url: url.to_owned(),
        headers: [("Content-Type".to_owned(), "application/json".to_owned())]
            .into_iter()
            .chain(headers.iter().cloned())
            .collect(),
        body: Some(body.to_string()),
    }
}

impl Response {
    /// Whether the same request would be refused again: what is wrong with it does not go away.
    pub(super) const fn is_refused_for_good(&self) -> bool {
        matches!(self.status, 400..=499) && !matches!(self.status, 408 | 425 | 429)
    }
}

/// Sends a request and reads the answer; says in words what went wrong.
pub(super) fn send(request: &Filled, timeout: Option<Duration>) -> Result<Response, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(timeout)
        .user_agent(concat!("drplan/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    // The request's own text may hold a secret, so it is not repeated.
    let malformed = |_| "the URL or a header is malformed".to_owned();
    let sent = match &request.body {
        Some(body) => agent.run(builder.body(body.as_str()).map_err(malformed)?),
        None => agent.run(builder.body(()).map_err(malformed)?),
    };
    let mut response = sent.map_err(|error| explain(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    let read = response.body_mut().as_reader().take(LONGEST_BODY + 1).read_to_end(&mut body);
    read.map_err(|error| format!("the answer broke off: {}", explain(&ureq::Error::from(error))))?;
    let is_cut = body.len() as u64 > LONGEST_BODY;
    if is_cut {
        body.pop();
    }
    Ok(Response { status_line: status.to_string(), status: status.as_u16(), body, is_cut })
}

/// Says whether an answer is as expected.
pub(super) fn judge(response: &Response, expect: &Expect) -> Result<String, String> {
    let fits = match &expect.status {
        Some(wanted) => wanted.contains(&response.status),
        None => (200..=299).contains(&response.status),
    };
    let status = short(&response.status_line);
    if !fits {
        return Err(format!("status {status}"));
    }
    if let Some(pattern) = &expect.matches
        && !pattern.matches(&String::from_utf8_lossy(&response.body))
    {
        let part = if response.is_cut { "the first MiB of the body" } else { "the body" };
        return Err(format!("status {status}, but {part} does not match `{}`", short(pattern.as_str())));
    }
    Ok(format!("status {status}"))
}

fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => explain_io(error),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "the host's name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::TooManyRedirects => "it redirects without end".to_owned(),
        ureq::Error::BadUri(_) => "the URL is malformed".to_owned(),
        ureq::Error::Rustls(error) => explain_tls(error),
        other => short(&other.to_string()),
    }
}

/// Says in words what the system says in a code.
pub(super) fn explain_io(error: &io::Error) -> String {
    // A reader or a handshake hides what went wrong inside an error of its own.
    if let Some(inner) = error.get_ref() {
        if let Some(inner) = inner.downcast_ref::<ureq::Error>() {
            return explain(inner);
        }
        let text = inner.to_string();
        if text.contains("certificate") {
            return explain_tls(&text);
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        io::ErrorKind::HostUnreachable => "the host cannot be reached".to_owned(),
        io::ErrorKind::NetworkUnreachable => "the network cannot be reached".to_owned(),
        _ => short(&error.to_string()),
    }
}

fn explain_tls(error: &impl std::fmt::Display) -> String {
    format!("the certificate or the encryption is not accepted: {}", short(&error.to_string()))
}
