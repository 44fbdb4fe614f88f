//! Sends traces to an OpenTelemetry collector, as the standard environment variables say.
//!
//! See <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::http;
use super::tell::variable;
use crate::probe::Expect;

/// How long a request may take unless the environment says otherwise.
const LIMIT: Duration = Duration::from_secs(10);

/// How often a request is sent before it is given up.
const TRIES: u32 = 3;

/// Where traces go, and who sends them.
#[derive(Clone, Debug)]
pub struct Collector {
    url: String,
    headers: Vec<(String, String)>,
    limit: Duration,
    /// The name of the service that is traced.
    pub service: String,
    /// What else is said of it.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// Returns where traces go, if the environment says so at all.
    ///
    /// # Errors
    ///
    /// When it asks for what this version does not speak.
    pub fn from_environment() -> Result<Option<Self>, String> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let of = |what: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}"))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{what}")))
        };
        let whole = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = || variable("OTEL_EXPORTER_OTLP_ENDPOINT");
        let Some(url) = whole.or_else(|| Some(format!("{}/v1/traces", base()?.trim_end_matches('/')))) else {
            return Ok(None);
        };
        if let Some(protocol) = of("PROTOCOL").filter(|protocol| !protocol.starts_with("http/")) {
            return Err(format!("traces are sent by OTLP over HTTP, not by {protocol}"));
        }
        let limit = of("TIMEOUT").and_then(|millis| millis.parse().ok()).map_or(LIMIT, Duration::from_millis);
        let headers = of("HEADERS").map(|text| pairs(&text).into_iter().collect()).unwrap_or_default();
        let mut resource = variable("OTEL_RESOURCE_ATTRIBUTES").map(|text| pairs(&text)).unwrap_or_default();
        let of_resource = resource.remove("service.name");
        let service = variable("OTEL_SERVICE_NAME").or(of_resource).unwrap_or_else(|| "drplan".to_owned());
        Ok(Some(Self { url, headers, limit, service, resource }))
    }

    /// Sends requests one after the other.
    ///
    /// # Errors
    ///
    /// What went wrong with the first that did not arrive.
    pub fn send(&self, requests: &[Value]) -> Result<(), String> {
        for body in requests {
            let request = http::json_to(&self.url, &self.headers, body);
            let mut tried = 0;
            loop {
                tried += 1;
                let (why, is_final) = match http::send(&request, Some(self.limit)) {
                    Err(why) => (why, false),
                    Ok(response) => match http::judge(&response, &Expect::default()) {
                        Ok(_) => break,
                        Err(why) => (why, response.is_refused_for_good()),
                    },
                };
                if is_final || tried == TRIES {
                    return Err(why);
                }
            }
        }
        Ok(())
    }
}

/// Reads `name=value,name=value`, where values are percent-encoded.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = |value: &str| percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
    pairs.map(|(name, value)| (name.trim().to_owned(), decoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_standard_writes_them() {
        let read = pairs("api-key=a%20b, x = y,broken");
        let expected =
            [("api-key", "a b"), ("x", "y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected.into());
    }
}
