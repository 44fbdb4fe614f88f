//! HTTP steps: the keeper carries them out like any command, so that they survive the controller.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::http::{self, Filled};
use super::words::last_line;
use super::{Env, Reply};
use crate::keeper::{self, Mask};
use crate::probe::{Expect, HttpRequest};

/// The variable that hands the request over; never an argument, because anybody may read those.
const VARIABLE: &str = "DRPLAN_HTTP_REQUEST";

/// The hidden subcommand that sends it.
const SUBCOMMAND: &str = "http-request";

/// Linux takes no longer variable.
const LONGEST: usize = 128 * 1024 - VARIABLE.len() - 2;

/// How much of the body is kept on record.
const SHOWN: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Packet {
    request: Filled,
    expect: Expect,
    /// What must not stand in what is kept of the answer.
    secrets: Vec<String>,
}

/// Makes the command that sends a request: the program with its argument, and its whole environment.
///
/// # Errors
///
/// When a name in the request has no value, or the request is too long to be handed over.
pub fn request_job(
    exe: &Path,
    request: &HttpRequest,
    expect: &Expect,
    env: &Env,
) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
    let exe = exe.to_str().ok_or("the path of drplan itself is not UTF-8")?;
    let request = http::fill_request(request, env).map_err(|reply| match reply {
        Reply::Yes(why) | Reply::No(why) | Reply::Unknown(why) | Reply::Broken(why) => why,
    })?;
    let secrets = env.secret.iter().filter_map(|name| env.values.get(name).cloned()).collect();
    let packet = Packet { request, expect: expect.clone(), secrets };
    let text = serde_json::to_string(&packet).map_err(|error| error.to_string())?;
    if text.len() > LONGEST {
        return Err(format!("the request has {} bytes; at most {LONGEST} can be sent", text.len()));
    }
    let mut values = env.values.clone();
    values.insert(VARIABLE.to_owned(), text);
    Ok((vec![exe.to_owned(), SUBCOMMAND.to_owned()], values))
}

/// Sends the request in the environment, prints the answer, and returns the exit code: 0 if it is as expected.
pub fn carry_out_request() -> i32 {
    keeper::seal();
    #[expect(clippy::disallowed_methods, reason = "the keeper hands the request over in the environment")]
    let text = std::env::var(VARIABLE).unwrap_or_default();
    match carry_out(&text, &mut std::io::stdout().lock()) {
        Ok(()) => 0,
        Err(why) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "{why}");
            1
        }
    }
}

fn carry_out(text: &str, out: &mut impl Write) -> Result<(), String> {
    let packet: Packet = serde_json::from_str(text)
        .map_err(|_| format!("{VARIABLE} does not hold a request of this drplan"))?;
    let mask = Mask::new(&packet.secrets).map_err(|error| format!("cannot mask its secrets: {error}"))?;
    // The keeper holds the step to its time limit.
    let response = http::send(&packet.request, None).map_err(|why| mask.hide(&why))?;
    // Before anything is cut: the keeper would not know half a secret for one.
    let body = mask.hide_bytes(&response.body);
    let last = last_line(&body);
    let body = &body[..body.len().min(SHOWN)];
    // The record is not worth failing a request that has already had its effect.
    let _ = writeln!(out, "{}", response.status_line)
        .and_then(|()| out.write_all(body))
        .and_then(|()| if body.is_empty() { Ok(()) } else { writeln!(out) })
        .and_then(|()| out.flush());
    match http::judge(&response, &packet.expect) {
        Ok(_) => Ok(()),
        Err(why) => Err(last.map_or(why.clone(), |line| format!("{why}: {line}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::tests::{http_answer, serve};

    fn job(request: serde_json::Value, expect: serde_json::Value) -> Result<(Vec<String>, String), String> {
        let request: HttpRequest = serde_json::from_value(request).unwrap();
        let expect: Expect = serde_json::from_value(expect).unwrap();
        let env = Env {
            values: [("TOKEN".to_owned(), "s3cret".to_owned())].into(),
            unknown: vec!["HOST_IP".to_owned()],
            secret: vec!["TOKEN".to_owned()],
        };
        let (program, env) = request_job(Path::new("/bin/drplan"), &request, &expect, &env)?;
        Ok((program, env[VARIABLE].clone()))
    }

    #[test]
    fn sends_what_it_is_handed_and_keeps_the_answer() {
        let url = format!("http://127.0.0.1:{}", serve(http_answer));
        let echo = serde_json::json!({"method": "POST", "url": format!("{url}/echo"), "body": "$TOKEN"});
        let (program, text) = job(echo, serde_json::json!({"status": 201})).unwrap();
        assert_eq!(program, ["/bin/drplan", "http-request"]);
        let mut out = Vec::new();
        assert_eq!(carry_out(&text, &mut out), Ok(()));
        assert_eq!(out, b"201 Created\nPOST ***\n");
        let (_, text) = job(serde_json::json!(format!("{url}/x")), serde_json::json!({})).unwrap();
        out.clear();
        assert_eq!(carry_out(&text, &mut out), Err("status 404 Not Found: here".to_owned()));
        assert_eq!(out, b"404 Not Found\nnothing\nhere\n");
        assert!(carry_out("", &mut out).is_err());
    }

    #[test]
    fn refuses_what_cannot_be_handed_over() {
        let none = serde_json::json!({});
        let url = |url: &str| job(serde_json::json!(url), none.clone()).unwrap_err();
        assert_eq!(url("http://$HOST_IP/"), "HOST_IP is not known yet");
        assert_eq!(url("http://$NOPE/"), "`$NOPE` has no value here");
        let long = serde_json::json!({"url": "http://h/", "body": "x".repeat(LONGEST)});
        assert!(job(long, none.clone()).unwrap_err().contains("at most"));
    }
}
