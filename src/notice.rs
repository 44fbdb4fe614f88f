//! From the plan's `notify` to a message: through which channel, and in which form.

use std::path::Path;

use serde_json::{Value, json};

use crate::effect::{Address, Channel, Way};
use crate::plan::{Notification, Occasion, Tell, WebhookFormat, WebhookUrl};
use crate::probe::Command;
use crate::value::Moment;

/// Returns the way on which a notification of a plan goes; `number` is its place in `notify`, from 0.
///
/// A command that is one text is run by `shell`, in `folder`.
pub fn channel(number: usize, notification: &Notification, shell: Vec<String>, folder: &Path) -> Channel {
    let (name, way) = match &notification.tell {
        Tell::Webhook(webhook) => match &webhook.url {
            WebhookUrl::Env(name) => (format!("webhook ${name}"), Way::Webhook(Address::Env(name.clone()))),
            WebhookUrl::Url(url) => {
                (format!("webhook at {}", host_of(url)), Way::Webhook(Address::Url(url.clone())))
            }
        },
        Tell::Command(command) => {
            let program = match command {
                Command::Program(words) => words.clone(),
                Command::Shell(text) => shell.into_iter().chain([text.to_string()]).collect(),
            };
            (format!("command {}", number + 1), Way::Command { program, cwd: folder.to_owned() })
        }
    };
    Channel { number, name, way }
}

/// Returns what a webhook is sent: a text alone for Slack, else an object with `fields` and what all messages have.
pub fn body(notification: &Notification, of: Occasion, at: Moment, text: &str, fields: Value) -> Value {
    match &notification.tell {
        Tell::Webhook(webhook) if webhook.format == Some(WebhookFormat::Slack) => {
            json!({ "text": for_slack(text) })
        }
        _ => {
            let mut body = json!({ "version": 1, "event": of, "at": at, "text": text });
            if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
                body.extend(fields);
            }
            body
        }
    }
}

/// What Slack would take for its own is escaped, as its manual says.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the host of a URL: the path may be a password, and so may what stands before the host.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_url_but_its_host_is_shown() {
        for (url, host) in [
            ("https://hooks.example.com/services/T0/B0/secret", "hooks.example.com"),
            ("https://user:pass@hooks.example.com:8443?token=secret", "hooks.example.com:8443"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn slack_sees_no_commands_in_a_text() {
        assert_eq!(for_slack("<!channel> a & b"), "&lt;!channel&gt; a &amp; b");
    }
}
