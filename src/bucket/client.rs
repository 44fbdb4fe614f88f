//! Asks a bucket: the one file of this room that reaches the network.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

use rusty_s3::{Method, UrlStyle, signing};
use secrecy::ExposeSecret;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::answers::{Refusal, read};
use super::{Access, Address, Fault, Limits};
use crate::value::Moment;

/// More of an answer is not read: a page of a thousand long keys has two megabytes.
const LONGEST_ANSWER: u64 = 16 << 20;

/// How long a signature holds, in seconds. Only the start of a request needs it.
const SIGNED_FOR: u64 = 6 * 3_600;

/// A place in a bucket that can be asked. Questions may be asked from several threads at once.
pub struct Bucket {
    address: Address,
    access: Access,
    place: rusty_s3::Bucket,
    agent: ureq::Agent,
    limits: Limits,
    opened: Instant,
    now: Moment,
}

/// What is asked: of the bucket, or of one of its objects.
pub(super) struct Question<'a> {
    method: Method,
    key: Option<&'a str>,
    /// By name, as the signature wants it.
    query: BTreeMap<&'static str, Cow<'a, str>>,
    headers: BTreeMap<&'static str, Cow<'a, str>>,
}

impl<'a> Question<'a> {
    /// Asks the bucket for what S3 calls a subresource.
    pub(super) fn of_bucket(about: &'static str) -> Self {
        let question =
            Self { method: Method::Get, key: None, query: BTreeMap::new(), headers: BTreeMap::new() };
        question.with(about, "")
    }

    /// Asks for an object or, with `about`, for something about it.
    pub(super) fn of_object(key: &'a str, version: Option<&'a str>, about: Option<&'static str>) -> Self {
        let mut query = BTreeMap::new();
        query.extend(about.map(|about| (about, Cow::Borrowed(""))));
        query.extend(version.map(|version| ("versionId", Cow::Borrowed(version))));
        Self { method: Method::Get, key: Some(key), query, headers: BTreeMap::new() }
    }

    /// Has the server send the digest that it keeps.
    pub(super) fn with_digest(mut self) -> Self {
        self.headers.insert("x-amz-checksum-mode", Cow::Borrowed("ENABLED"));
        self
    }

    /// Has the server send some of its bytes alone, such as `bytes=0-4095`.
    pub(super) fn of_range(mut self, range: &'a str) -> Self {
        self.headers.insert("range", Cow::Borrowed(range));
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.insert(name, value.into());
        self
    }
}

impl Bucket {
    /// Prepares to ask; nothing is sent yet. `now` dates the signatures.
    ///
    /// # Errors
    ///
    /// If the URL of the server or the file of authorities is malformed.
    pub fn open(address: Address, access: Access, limits: Limits, now: Moment) -> Result<Self, Fault> {
        let server = access.server();
        // The URL may hold a password, so it is not repeated.
        let malformed = |why: &dyn std::fmt::Display| {
            Fault::BadAccess(format!("AWS_ENDPOINT_URL and the bucket make no URL: {why}"))
        };
        // A name with a dot has no certificate below AWS's.
        let is_path_style = access.is_path_style || address.bucket.contains('.');
        let style = if is_path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let url = server.parse().map_err(|error| malformed(&error))?;
        let place = rusty_s3::Bucket::new(url, style, address.bucket.clone(), access.region.clone())
            .map_err(|error| malformed(&error))?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Neither a proxy of drplan's environment, nor a server that sends us elsewhere, gets to see a signature.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(limits.connect))
            .timeout_resolve(Some(limits.connect))
            .max_idle_connections_per_host(super::AT_ONCE)
            .max_idle_connections(super::AT_ONCE)
            .user_agent(concat!("drplan/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(access.authorities.as_deref())?)
            .build()
            .into();
        #[expect(clippy::disallowed_methods, reason = "the limit for all questions needs a clock")]
        let opened = Instant::now();
        Ok(Self { address, access, place, agent, limits, opened, now })
    }

    /// Returns where it is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the moment at which it was opened, by which ages and signatures are reckoned.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// Asks, and returns the body of a good answer.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Vec<u8>, Fault> {
        let (_, body) = self.send(question, self.limits.answer)?;
        let mut read = Vec::new();
        let mut body = body.into_reader().take(LONGEST_ANSWER + 1);
        body.read_to_end(&mut read).map_err(|error| from_transport(&ureq::Error::from(error)))?;
        if read.len() as u64 > LONGEST_ANSWER {
            return Err(Fault::Malformed("it is longer than an answer can be".to_owned()));
        }
        Ok(read)
    }

    /// Asks, and returns the unread body of a good answer; there is time for it until the limit of all questions.
    pub(super) fn start(&self, question: &Question<'_>) -> Result<(HeaderMap, ureq::Body), Fault> {
        self.send(question, self.limits.whole)
    }

    /// Sends a question and returns the head and the unread body of a good answer.
    fn send(&self, question: &Question<'_>, limit: Duration) -> Result<(HeaderMap, ureq::Body), Fault> {
        let left = self.limits.whole.checked_sub(self.opened.elapsed()).filter(|left| !left.is_zero());
        let limit = left.ok_or(Fault::Late)?.min(limit);
        let url = match question.key {
            Some(key) => self.place.object_url(key),
            // The bucket itself is asked without the slash behind it, as Amazon's own tools do.
            None => self.place.base_url().clone(),
        };
        let time =
            jiff::Timestamp::from_millisecond(self.now.as_unix_millis()).unwrap_or(jiff::Timestamp::MAX);
        let url = signing::sign(
            &time,
            question.method,
            url,
            &self.access.key_id,
            self.access.secret.expose_secret(),
            self.access.token.as_ref().map(ExposeSecret::expose_secret),
            &self.access.region,
            SIGNED_FOR,
            question.query.iter().map(|(name, value)| (*name, value.as_ref())),
            question.headers.iter().map(|(name, value)| (*name, value.as_ref())),
        );
        let mut builder = Request::builder().method(question.method.to_str()).uri(url.as_str());
        for (name, value) in &question.headers {
            builder = builder.header(*name, value.as_ref());
        }
        // The URL holds the signature, so it is not repeated.
        let request = builder.body(()).map_err(|_| Fault::BadAccess("the key makes no URL".to_owned()))?;
        let request = self.agent.configure_request(request).timeout_global(Some(limit)).build();
        let response = self.agent.run(request).map_err(|error| from_transport(&error))?;
        let status = response.status().as_u16();
        let (head, mut body) = response.into_parts();
        if (200..=299).contains(&status) {
            return Ok((head.headers, body));
        }
        let mut text = Vec::new();
        // What cannot be read of a refusal leaves its status.
        let _ = body.as_reader().take(1 << 16).read_to_end(&mut text);
        let refusal: Refusal = read(&text).unwrap_or_default();
        let told = head.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        let region = told.map(str::to_owned).or(refusal.region);
        Err(from_refusal(status, plain(&refusal.code), region.as_deref().map(plain), question.key.is_some()))
    }
}

/// Keeps of what a server says only what a code can have, so that it can be shown.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(80).collect()
}

fn tls(authorities: Option<&str>) -> Result<TlsConfig, Fault> {
    let builder = TlsConfig::builder();
    let Some(path) = authorities else { return Ok(builder.build()) };
    let wrong = |why: &dyn std::fmt::Display| Fault::BadAccess(format!("AWS_CA_BUNDLE, {path}: {why}"));
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(&error))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(builder.root_certs(RootCerts::new_with_certs(&certificates)).build())
}

fn from_refusal(status: u16, code: String, region: Option<String>, is_object: bool) -> Fault {
    match (status, code.as_str()) {
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken") => {
            Fault::WrongKey(code)
        }
        (_, "RequestTimeTooSkewed") => Fault::Skewed,
        (_, "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException")
        | (301 | 307, _) => Fault::WrongRegion { is: region },
        (_, "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError") if region.is_some() => {
            Fault::WrongRegion { is: region }
        }
        (_, "NoSuchBucket") => Fault::NoBucket,
        (_, "NoSuchKey" | "NoSuchVersion") => Fault::NoObject,
        // An answer to HEAD has no code.
        (404, "") if is_object => Fault::NoObject,
        (_, "AccessDenied" | "AllAccessDisabled") | (401 | 403, "") => Fault::Denied,
        (_, "NotImplemented" | "MethodNotAllowed") | (405 | 501, _) => Fault::NotSupported,
        _ => Fault::Refused { status, code },
    }
}

/// Says in words what went wrong on the way; the URL, which holds the signature, is never part of it.
pub(super) fn from_transport(error: &ureq::Error) -> Fault {
    let unreachable = |why: &str| Fault::Unreachable(why.to_owned());
    match error {
        ureq::Error::Timeout(_) => Fault::Late,
        ureq::Error::HostNotFound => unreachable("the host's name is not known"),
        ureq::Error::ConnectionFailed => unreachable("no connection"),
        ureq::Error::BadUri(_) => Fault::BadAccess("AWS_ENDPOINT_URL is no URL".to_owned()),
        ureq::Error::Rustls(error) => Fault::Unreachable(format!("its certificate is not accepted: {error}")),
        ureq::Error::Io(error) => from_io(error),
        _ => unreachable("it does not speak HTTP as S3 does"),
    }
}

fn from_io(error: &std::io::Error) -> Fault {
    if let Some(inner) = error.get_ref() {
        if let Some(inner) = inner.downcast_ref::<ureq::Error>() {
            return from_transport(inner);
        }
        let text = inner.to_string();
        if text.contains("certificate") {
            return Fault::Unreachable(format!("its certificate is not accepted: {text}"));
        }
    }
    match error.kind() {
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Fault::Late,
        std::io::ErrorKind::ConnectionRefused => Fault::Unreachable("connection refused".to_owned()),
        _ => Fault::Unreachable(error.to_string()),
    }
}
