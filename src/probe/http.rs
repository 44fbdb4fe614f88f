//! An HTTP request, as a probe or as a step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ShortForm, Text, short_form};

/// The method of an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads the head alone.
    Head,
    /// Sends.
    Post,
    /// Puts in place.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Returns the method as it goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether the request only reads.
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// An HTTP request: a URL alone (`GET`), or a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL, `http://` or `https://`; `$NAME` is replaced by its value.
    pub url: Text,
    /// Headers and their values; `$NAME` is replaced by its value.
    pub headers: indexmap::IndexMap<String, Text>,
    /// The body; `$NAME` is replaced by its value.
    pub body: Option<Text>,
}

/// An HTTP request, written out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpRequestLong")]
pub struct Long {
    /// The method; `GET` if none is given.
    #[serde(default)]
    method: Method,
    /// The URL, `http://` or `https://`; `$NAME` is replaced by its value.
    url: Text,
    /// Headers and their values; `$NAME` is replaced by its value.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Text>")]
    headers: indexmap::IndexMap<String, Text>,
    /// The body; `$NAME` is replaced by its value.
    body: Option<Text>,
}

impl ShortForm for HttpRequest {
    type Long = Long;
    type Short = Text;
    const EXPECTED: &'static str = "a URL, or a mapping with `url`";
    const NAME: &'static str = "HttpRequest";

    fn from_long(Long { method, url, headers, body }: Long) -> Result<Self, String> {
        Ok(Self { method, url, headers, body })
    }

    fn from_short(url: Text) -> Result<Self, String> {
        Ok(Self { method: Method::Get, url, headers: indexmap::IndexMap::new(), body: None })
    }
}

short_form!(HttpRequest);
