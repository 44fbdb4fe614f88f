//! HTTP steps: the keeper carries them out like any command, so that they survive the controller.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::http::{self, Filled};
use super::words::last_line;
use super::{Env, Reply};
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
        Reply::Yes(why) | Reply::No(why) | Reply::Unknown(why) => why,
    })?;
    let packet = Packet { request, expect: expect.clone() };
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
    // The keeper holds the step to its time limit.
    let response = http::send(&packet.request, None)?;
    let body = &response.body[..response.body.len().min(SHOWN)];
    // The record is not worth failing a request that has already had its effect.
    let _ = writeln!(out, "{}", response.status_line)
        .and_then(|()| out.write_all(body))
        .and_then(|()| if body.is_empty() { Ok(()) } else { writeln!(out) })
        .and_then(|()| out.flush());
    match http::judge(&response, &packet.expect) {
        Ok(_) => Ok(()),
        Err(why) => Err(last_line(&response.body).map_or(why.clone(), |line| format!("{why}: {line}"))),
    }
}
