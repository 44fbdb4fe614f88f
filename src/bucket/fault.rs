//! Why a bucket did not answer a question.

use std::fmt;

/// Why a bucket did not answer a question. None of them means that something is not there, but the last two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What the plan gives is malformed, such as the URL of the server.
    BadAccess(String),
    /// The server cannot be reached, or breaks off.
    Unreachable(String),
    /// The server did not answer in time.
    Late,
    /// The server does not know the key, or its secret is another one.
    WrongKey(String),
    /// The key is good, but it may not do this.
    Denied,
    /// The bucket is in another region than the plan says.
    WrongRegion {
        /// The region, where the server tells it.
        is: Option<String>,
    },
    /// The clock of this machine and that of the server are too far apart for a signature to hold.
    Skewed,
    /// The server does not know this question.
    NotSupported,
    /// The server refuses for a reason of its own.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's code, such as `SlowDown`; empty if it gave none.
        code: String,
    },
    /// The answer is not what S3 answers.
    Malformed(String),
    /// More lies there than can be looked at.
    TooMuch(String),
    /// What was read is not what was stored.
    Rotten(String),
    /// There is no such bucket.
    NoBucket,
    /// There is no such object or version.
    NoObject,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAccess(why) | Self::TooMuch(why) | Self::Rotten(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
            Self::Late => f.write_str("no answer in time"),
            Self::WrongKey(code) => write!(f, "the server does not accept the access key ({code})"),
            Self::Denied => f.write_str("the access key may not ask this (AccessDenied)"),
            Self::WrongRegion { is: Some(region) } => {
                write!(f, "the bucket is in the region {region}; AWS_REGION says another")
            }
            Self::WrongRegion { is: None } => {
                f.write_str("the bucket is in another region than AWS_REGION says")
            }
            Self::Skewed => f.write_str("the clocks of this machine and of the server are too far apart"),
            Self::NotSupported => f.write_str("the server does not know this question"),
            Self::Refused { status, code } if code.is_empty() => {
                write!(f, "the server answers with status {status}")
            }
            Self::Refused { status, code } => write!(f, "the server answers with status {status} ({code})"),
            Self::Malformed(why) => write!(f, "the answer is not S3's: {why}"),
            Self::NoBucket => f.write_str("there is no such bucket"),
            Self::NoObject => f.write_str("there is no such object"),
        }
    }
}

impl std::error::Error for Fault {}
