//! Traces of runs, sent to a small collector: what it gets is held to the standard's JSON form.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::stage::Stage;

/// A request: its first line, its headers, its body.
type Request = (String, BTreeMap<String, String>, Value);

/// A collector on this machine that answers with a status.
struct Receiver {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = Arc::clone(&requests);
        // It ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut reader = BufReader::new(&stream);
                let (mut first, mut headers) = (String::new(), BTreeMap::new());
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(':') else { break };
                    headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
                let mut body = vec![0; headers["content-length"].parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push((
                    first.trim().to_owned(),
                    headers,
                    serde_json::from_slice(&body).unwrap(),
                ));
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                );
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// All spans that came, by name.
    fn spans(&self) -> BTreeMap<String, Value> {
        let requests = self.requests();
        let of_requests = requests.iter().flat_map(|(_, _, body)| body["resourceSpans"].as_array().unwrap());
        let of_scopes = of_requests.flat_map(|spans| spans["scopeSpans"].as_array().unwrap());
        let spans = of_scopes.flat_map(|spans| spans["spans"].as_array().unwrap());
        spans.map(|span| (span["name"].as_str().unwrap().to_owned(), span.clone())).collect()
    }
}

fn carry_out(stage: &Stage, args: &[&str], variables: &[(&str, &str)]) -> crate::stage::Ran {
    let mut command = stage.drplan(args);
    command.envs(variables.iter().copied());
    stage.begin(command).ends()
}

const RUN: [&str; 3] = ["execute", "plan.yaml", "--yes"];

fn is_hex(value: &Value, length: usize) -> bool {
    value.as_str().is_some_and(|text| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit()))
}

fn time(span: &Value, name: &str) -> u128 {
    span[name].as_str().expect("64-bit integers are texts").parse().unwrap()
}

#[test]
fn a_run_its_steps_and_their_attempts_are_spans() {
    let receiver = Receiver::new(200);
    let stage = Stage::new(
        "steps:\n\
         \x20 a: { run: 'test -e tried || { touch tried; exit 3; }', retry: { times: 1, delay: 1s } }\n\
         \x20 b: { needs: [a], run: 'exit 7' }\n\
         \x20 c: { needs: [b], run: 'true' }\n",
    );
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b"),
        ("OTEL_SERVICE_NAME", "recovery"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=staging"),
    ];
    carry_out(&stage, &RUN, &variables).exits(3);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let (first, headers, body) = &requests[0];
    assert_eq!(first, "POST /v1/traces HTTP/1.1");
    assert_eq!((headers["content-type"].as_str(), headers["api-key"].as_str()), ("application/json", "a b"));
    let resource = body["resourceSpans"][0]["resource"]["attributes"].to_string();
    assert!(resource.contains("\"recovery\"") && resource.contains("\"staging\""), "{resource}");
    let spans = receiver.spans();
    let names: Vec<&str> = spans.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "a attempt 1", "a attempt 2", "b", "b attempt 1", "test"]);
    let run = &spans["test"];
    assert_eq!(run["parentSpanId"], "");
    for (name, span) in &spans {
        assert!(is_hex(&span["traceId"], 32) && is_hex(&span["spanId"], 16), "{span}");
        assert_eq!(span["traceId"], run["traceId"]);
        assert!(time(span, "startTimeUnixNano") <= time(span, "endTimeUnixNano"), "{span}");
        let parent = match name.split_once(" attempt ") {
            Some((step, _)) => &spans[step]["spanId"],
            None if name == "test" => continue,
            None => &run["spanId"],
        };
        assert_eq!(&span["parentSpanId"], parent, "{name}");
    }
    let code = |name: &str| spans[name]["status"]["code"].as_u64();
    assert_eq!((code("a"), code("a attempt 1"), code("a attempt 2")), (Some(1), Some(2), Some(1)));
    assert_eq!((code("b"), code("test")), (Some(2), Some(2)));
    assert_eq!(spans["b"]["status"]["message"], "exit code 7");
    // The pause before the second attempt is in the step, and in none of its attempts.
    let long = |name: &str| time(&spans[name], "endTimeUnixNano") - time(&spans[name], "startTimeUnixNano");
    // Up to a quarter of it is left out.
    assert!(long("a") >= 750_000_000 && long("a") < long("test") + 1);
    assert!(
        time(&spans["a attempt 2"], "startTimeUnixNano")
            >= time(&spans["a attempt 1"], "endTimeUnixNano") + 700_000_000
    );
}

#[test]
fn a_run_that_was_taken_up_again_is_one_trace_and_is_sent_once() {
    let receiver = Receiver::new(200);
    let stage = Stage::new("steps: { a: { run: 'true' }, b: { needs: [a], manual: Do it. } }\n");
    let endpoint = format!("{}/custom", receiver.url);
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str())];
    carry_out(&stage, &RUN, &variables).exits(4);
    assert!(receiver.requests().is_empty(), "what is not over is not told yet");
    stage.run(&["approve", "latest", "b"]).exits(0);
    carry_out(&stage, &["resume", "latest"], &variables).exits(0);
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(receiver.requests()[0].0, "POST /custom HTTP/1.1");
    assert_eq!(receiver.spans().len(), 5);
}

#[test]
fn a_collector_that_fails_changes_nothing() {
    let receiver = Receiver::new(500);
    let stage = Stage::new("steps: { a: { run: 'true' } }\n");
    let with = |variables: &[(&str, &str)]| carry_out(&stage, &RUN, variables).exits(0);
    with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url)]).says("trace of the run was not sent: status 500");
    assert_eq!(receiver.requests().len(), 3);
    with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])
        .says("not by grpc");
    with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("OTEL_SDK_DISABLED", "true")]);
    with(&[]);
    assert_eq!(receiver.requests().len(), 3);
}
