//! Where a bucket is, and with what it is opened.

use std::time::Duration;

use secrecy::SecretString;

/// A place in a bucket, as a copy's `at` names it: `s3://bucket/prefix/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with; empty for the whole bucket, else it ends with `/`.
    pub prefix: String,
}

impl Address {
    /// Whether a text names a place in a bucket, well or badly.
    pub fn is_meant_by(at: &str) -> bool {
        at.starts_with("s3:")
    }

    /// Reads `s3://bucket/prefix/`.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong with the text.
    pub fn read(at: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{}` {why}; write s3://bucket/folder/", at.escape_debug()));
        let Some(rest) = at.strip_prefix("s3://") else {
            return wrong("is no place in a bucket");
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_name) || !bucket.chars().any(char::is_alphanumeric) {
            return wrong("names no bucket");
        }
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Ok(Self { bucket: bucket.to_owned(), prefix: format!("{prefix}{slash}") })
    }
}

/// How long a bucket may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// For one question and its answer.
    pub answer: Duration,
    /// For everything that is asked of one opened bucket; also what is read of an object.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            whole: Duration::from_mins(2),
        }
    }
}

/// The keys to a bucket and the server that has it. Nothing comes from drplan's own environment.
#[derive(Clone, Debug)]
pub struct Access {
    pub(super) key_id: String,
    pub(super) secret: SecretString,
    pub(super) token: Option<SecretString>,
    pub(super) region: String,
    /// Without one it is AWS.
    pub(super) endpoint: Option<String>,
    /// Whether the bucket stands in the path of a URL, not in the name of the host.
    pub(super) is_path_style: bool,
    /// A file with the certificates of the authorities to trust, instead of the public ones.
    pub(super) authorities: Option<String>,
}

impl Access {
    /// The values that say how a bucket is reached; those of them that are secret are the key, its id and the token.
    pub const NAMES: [&'static str; 9] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_S3_ADDRESSING_STYLE",
        "AWS_CA_BUNDLE",
    ];

    /// Takes what it needs of the values of a plan, by the names that Amazon's own tools use.
    ///
    /// # Errors
    ///
    /// Says in words what is missing or malformed.
    pub fn from_values(value: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let value = |name: &str| value(name).filter(|value| !value.is_empty());
        let needed = |name: &str| value(name).ok_or_else(|| format!("{name} is not given"));
        let endpoint = value("AWS_ENDPOINT_URL_S3").or_else(|| value("AWS_ENDPOINT_URL"));
        let is_path_style = match value("AWS_S3_ADDRESSING_STYLE").as_deref() {
            Some("path") => true,
            Some("virtual") => false,
            None | Some("auto") => endpoint.is_some(),
            Some(_) => return Err("AWS_S3_ADDRESSING_STYLE is none of path, virtual, auto".to_owned()),
        };
        Ok(Self {
            key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret: needed("AWS_SECRET_ACCESS_KEY")?.into(),
            token: value("AWS_SESSION_TOKEN").map(SecretString::from),
            region: value("AWS_REGION")
                .or_else(|| value("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint,
            is_path_style,
            authorities: value("AWS_CA_BUNDLE"),
        })
    }

    /// Returns the server's address as a person knows it, to compare where two copies lie.
    pub fn server(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| {
            let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://s3.{}.{domain}", self.region)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        let read = |at: &str| Address::read(at).map(|address| (address.bucket, address.prefix));
        let good = |bucket: &str, prefix: &str| Ok((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(read("s3://metachat-dr/nightly/"), good("metachat-dr", "nightly/"));
        assert_eq!(read("s3://metachat-dr/nightly"), good("metachat-dr", "nightly/"));
        assert_eq!(read("s3://metachat.dr"), good("metachat.dr", ""));
        assert_eq!(read("s3://b/"), good("b", ""));
        for bad in ["s3:/b/x", "s3://", "s3:///x", "s3://a b/", "s3://../x", "s3://user:pass@host/x", "b/x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Address::is_meant_by("s3:/b/x") && !Address::is_meant_by("/s3/b"));
    }

    #[test]
    fn takes_the_values_of_the_plan() {
        let access = |values: &[(&str, &str)]| {
            let find = |name: &str| {
                values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            Access::from_values(find)
        };
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        assert_eq!(access(&keys[..1]).unwrap_err(), "AWS_SECRET_ACCESS_KEY is not given");
        assert_eq!(
            access(&[keys[0], ("AWS_SECRET_ACCESS_KEY", "")]).unwrap_err(),
            "AWS_SECRET_ACCESS_KEY is not given"
        );
        let aws = access(&keys).unwrap();
        assert!(!aws.is_path_style);
        assert_eq!(aws.server(), "https://s3.us-east-1.amazonaws.com");
        let china = access(&[keys[0], keys[1], ("AWS_REGION", "cn-north-1")]).unwrap();
        assert_eq!(china.server(), "https://s3.cn-north-1.amazonaws.com.cn");
        let own = access(&[keys[0], keys[1], ("AWS_ENDPOINT_URL", "http://127.0.0.1:8333")]).unwrap();
        assert!(own.is_path_style);
        assert!(!format!("{own:?}").contains("\"secret\""), "{own:?}");
        assert!(access(&[keys[0], keys[1], ("AWS_S3_ADDRESSING_STYLE", "dns")]).is_err());
    }
}
