//! `SeaweedFS` as an S3 server of its own: with versions, Object Lock and lifecycle rules, on loopback.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use drplan::bucket::{Access, Address, Bucket, Limits};
use drplan::value::Moment;
use rustix::process::{Pid, Signal, kill_process_group};
use rusty_s3::{Method, UrlStyle, signing};
use tempfile::TempDir;

use crate::stage::try_until;

/// A server that ends with the test.
pub(crate) struct S3 {
    folder: TempDir,
    child: Child,
    port: u16,
    ports: [u16; 8],
    agent: ureq::Agent,
}

/// Who asks: the id of the key and its secret.
pub(crate) type Key = (&'static str, &'static str);

/// The secret of every key; a canary, as it begins like one.
const SECRET: &str = "TheCanarySings-s3-secret";

/// The buckets are hosts of this domain as well, for who asks through this server as a proxy.
pub(crate) const DOMAIN: &str = "s3.example.com";

/// May do everything, and lift what is held by governance.
pub(crate) const ADMIN: Key = ("test-admin", SECRET);
/// May list and read.
pub(crate) const READER: Key = ("test-reader", SECRET);

/// What came back of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) version: Option<String>,
}

impl Answer {
    /// Holds the request to having been done.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert!((200..=299).contains(&self.status), "status {}: {}", self.status, self.text);
        self
    }
}

impl S3 {
    /// Starts a server and waits until it takes objects.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = |(id, secret): Key, actions: &str| {
            format!(
                r#"{{"name":"{id}","credentials":[{{"accessKey":"{id}","secretKey":"{secret}"}}],"actions":[{actions}]}}"#
            )
        };
        let config = format!(
            r#"{{"identities":[{},{}]}}"#,
            identity(ADMIN, r#""Admin","Read","Write","List""#),
            identity(READER, r#""Read","List""#)
        );
        // The folder of secrets that the search for canaries passes over.
        let vault = folder.path().join("vault");
        fs::create_dir_all(&vault).unwrap();
        fs::write(vault.join("s3.json"), config).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let ports = free_ports();
        let mut command = Command::new("weed");
        command.arg("server").arg(option("dir", folder.path().join("data").display()));
        let names = [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port",
            "s3.port.grpc",
        ];
        for (name, port) in names.iter().zip(ports) {
            command.arg(option(name, port));
        }
        command.args(["-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-volume.preStopSeconds=0"]);
        command.args(["-master.electionTimeout=300ms", "-master.heartbeatInterval=50ms"]);
        command.args(["-master.volumeSizeLimitMB=16", "-volume.max=0"]);
        command.arg(option("s3.domainName", DOMAIN));
        command.arg(option("s3.config", vault.join("s3.json").display()));
        command.arg(option("s3.localSocket", folder.path().join("socket").display()));
        let log = File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // Where the command is a script that starts another, both are ended.
        let child = command.current_dir(folder.path()).process_group(0).spawn().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let server = Self { folder, child, port: ports[6], ports, agent };
        server.wait_until_it_takes();
        server
    }

    fn wait_until_it_takes(&self) {
        // It answers before it knows its volumes; the first object that stays tells that it does.
        let takes = || {
            let made = self.try_request("PUT", ADMIN, "/warm-up", &[], "", &[]).ok()?;
            let put = self.try_request("PUT", ADMIN, "/warm-up/object", &[], "x", &[]).ok()?;
            (made.status < 500 && put.status == 200).then_some(())
        };
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(try_until(takes).is_some(), "weed takes no object:\n{}", log());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request; `path` is `/bucket` or `/bucket/key`, unencoded.
    #[track_caller]
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: impl ureq::AsSendBody,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_request(method, ADMIN, path, query, body, headers).unwrap()
    }

    pub(crate) fn try_request(
        &self,
        method: &str,
        (id, secret): Key,
        path: &str,
        query: &[(&str, &str)],
        body: impl ureq::AsSendBody,
        headers: &[(&str, &str)],
    ) -> Result<Answer, ureq::Error> {
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((&path[1..], ""));
        let place = rusty_s3::Bucket::new(
            self.url().parse().unwrap(),
            UrlStyle::Path,
            bucket.to_owned(),
            "us-east-1",
        )
        .unwrap();
        let verb = match method {
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "POST" => Method::Post,
            _ => Method::Get,
        };
        let url = if key.is_empty() { place.base_url().clone() } else { place.object_url(key) };
        let now = jiff::Timestamp::now();
        let url = signing::sign(
            &now,
            verb,
            url,
            id,
            secret,
            None,
            "us-east-1",
            600,
            query.iter().copied(),
            headers.iter().copied(),
        );
        let mut request = ureq::http::Request::builder().method(method).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body).unwrap())?;
        let version =
            response.headers().get("x-amz-version-id").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Ok(Answer { status, text: response.body_mut().read_to_string()?, version })
    }

    /// Makes a bucket.
    #[track_caller]
    pub(crate) fn make(&self, bucket: &str) {
        self.request("PUT", &format!("/{bucket}"), &[], "", &[]).done();
    }

    /// Makes a bucket that can lock objects, and so keeps versions.
    #[track_caller]
    pub(crate) fn make_locking(&self, bucket: &str) {
        let header = [("x-amz-bucket-object-lock-enabled", "true")];
        self.request("PUT", &format!("/{bucket}"), &[], "", &header).done();
    }

    /// Stores an object; returns its version.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: impl AsRef<[u8]>) -> String {
        self.request("PUT", path, &[], body.as_ref(), &[]).done().version.unwrap_or_default()
    }

    /// The values by which a key opens this server.
    pub(crate) fn values(&self, (id, secret): Key) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("AWS_ENDPOINT_URL", self.url()),
        ]
    }

    /// Opens a place such as `s3://bucket/prefix/` as drplan does.
    pub(crate) fn open(&self, key: Key, at: &str) -> Bucket {
        open(&self.values(key), at, Limits::default())
    }
}

/// Opens a place with these values and limits.
pub(crate) fn open(values: &[(&'static str, String)], at: &str, limits: Limits) -> Bucket {
    let find = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    let access = Access::from_values(find).unwrap();
    let now = Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond());
    Bucket::open(Address::read(at).unwrap(), access, limits, now).unwrap()
}

impl Drop for S3 {
    fn drop(&mut self) {
        // It takes long to end in good order, and nothing of it is needed any more.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        // It makes these whatever TMPDIR says.
        for port in self.ports {
            for name in ["master-grpc", "volume-grpc", "filer-grpc", "filer", "s3-grpc", "s3"] {
                let _ = fs::remove_file(format!("/tmp/seaweedfs-{name}-{port}.sock"));
            }
        }
    }
}

fn option(name: &str, value: impl std::fmt::Display) -> String {
    format!("-{name}={value}")
}

/// Finds ports that nobody listens on; all are held until all are found.
fn free_ports() -> [u16; 8] {
    let held: [TcpListener; 8] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
