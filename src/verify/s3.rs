//! Looks at a copy in a bucket: its points, and whether they are kept from being destroyed as the plan says.

use tokio::task::spawn_blocking;

use super::ask::{Asking, fetch};
use super::found::{Found, Seen};
use super::promise::Promise;
use super::subject::Subject;
use super::{Kind, Problem, Severity};
use crate::bucket::{
    Access, Address, Bucket, Certainty, Concern, Fault, Limits, StoredPoint, Survey, Weakness,
};
use crate::bucket::{Promise as Kept, judge};
use crate::effect::{Digests, Env, Measure};
use crate::plan::Keep;
use crate::probe::Integrity;
use crate::value::Name;

/// Reading all of a point takes what it takes.
const READING: std::time::Duration = std::time::Duration::from_hours(4);

/// What was read of the newest point.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) digests: Digests,
    pub(super) level: Integrity,
}

/// Lists the points of a bucket, and says what does not protect them as it should.
pub(super) async fn look(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    promise: &Promise<'_>,
    at: &str,
    env: &mut Env,
    found: &mut Found,
) -> Option<Read> {
    let not_seen = |why: String, help: &str| Some((why, help.to_owned()));
    let address = match Address::read(at) {
        Ok(address) => address,
        Err(why) => {
            found.not_seen = not_seen(why, "write `at` as s3://bucket/prefix/");
            return None;
        }
    };
    for name in Access::NAMES.into_iter().filter_map(|name| name.parse::<Name>().ok()) {
        if !env.values.contains_key(name.as_str()) && asking.plan.secrets.contains_key(name.as_str()) {
            match fetch(asking, &name).await {
                Ok(secrets) => {
                    for (name, value) in secrets {
                        env.secret.push(name.clone());
                        env.values.insert(name, value);
                    }
                }
                Err(why) => {
                    found.not_seen = not_seen(
                        format!("{name}, without which it cannot be listed, is not at hand: {why}"),
                        "make the secret work on this machine, or look from where it does",
                    );
                    return None;
                }
            }
        }
    }
    let access = match Access::from_values(|name| env.values.get(name).cloned()) {
        Ok(access) => access,
        Err(why) => {
            let help = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY under `secrets` or `vars`: a key that only reads";
            found.not_seen = not_seen(why, help);
            return None;
        }
    };
    let kept = kept(subject, promise);
    let now = asking.now;
    // A download costs time and money: only where the policy wants it.
    let reads = promise.wanted.is_some_and(|wanted| matches!(wanted, Integrity::Read | Integrity::Digest));
    let asked = spawn_blocking(move || {
        let limits =
            Limits { whole: if reads { READING } else { Limits::default().whole }, ..Limits::default() };
        let bucket = Bucket::open(address, access, limits, now)?;
        let survey = Survey::take(&bucket, &kept)?;
        let concerns = judge(&survey, &kept);
        let newest = survey.points.iter().rfind(|point| point.time.is_some_and(|time| time <= now));
        let read = newest.filter(|_| reads).map(|point| read_all(&bucket, point));
        Ok::<_, Fault>((survey.points, concerns, read, bucket.address().clone()))
    });
    let (points, concerns, read, address) = match asked.await {
        Ok(Ok(asked)) => asked,
        Ok(Err(fault @ Fault::NoBucket)) => {
            found.missing = Some(fault.to_string());
            return None;
        }
        Ok(Err(fault)) => {
            found.not_seen = not_seen(
                fault.to_string(),
                "let the key list and read the bucket, and see whether it can be reached",
            );
            return None;
        }
        Err(error) => {
            found.not_seen = not_seen(error.to_string(), "this is a fault of drplan; report it");
            return None;
        }
    };
    found.folder = Some(at.to_owned());
    found.others = points.iter().filter(|point| point.time.is_none()).count();
    found.seen.extend(points.iter().filter(|point| point.time.is_some()).map(|point| Seen {
        name: point.name.clone(),
        path: format!("s3://{}/{}{}", address.bucket, address.prefix, point.name),
        time: point.time,
        measure: Measure::of_stored(point),
    }));
    found.problems.extend(concerns.iter().map(problem));
    read
}

/// Returns what the plan says of how points are kept from being destroyed.
fn kept(subject: &Subject<'_>, promise: &Promise<'_>) -> Kept {
    let immutable = subject.copy.immutable.as_ref();
    let keep_each = match subject.copy.keep {
        Keep::For(length) => Some(length.max(subject.copy.archive.unwrap_or_default())),
        Keep::Latest | Keep::Generations(_) => subject.copy.archive,
    };
    Kept {
        immutable: immutable.map(|immutable| immutable.for_),
        may_be_lifted: immutable.is_some_and(|immutable| !immutable.except.is_empty()),
        keep_each,
        reach: subject.copy.keep.reaches_back(),
        legal_hold: subject.copy.legal_hold == Some(true),
        fetch: subject.copy.fetch,
        newest_for: promise.expected.as_ref().ok().and_then(|expected| expected.newest_for),
    }
}

fn problem(concern: &Concern) -> Problem {
    let severity = match concern.certainty {
        Certainty::Broken => Severity::Failure,
        Certainty::Unknown => Severity::Unknown,
        Certainty::Suspicious => Severity::Warning,
    };
    let kind = if concern.weakness == Weakness::Cold { Kind::Cold } else { Kind::NotProtected };
    Problem::new(kind, severity, concern.to_string(), concern.help)
}

/// Reads all objects of a point, each against what its producer or the server says of it.
fn read_all(bucket: &Bucket, point: &StoredPoint) -> Read {
    let (digests, level) = match bucket.read_through(point) {
        Err(Fault::Rotten(why)) => (Digests::Differ(why), Integrity::Listed),
        Err(fault) => (Digests::Unknown(fault.to_string()), Integrity::Listed),
        Ok(read) if read.by_producer == read.objects => (Digests::Same(read.objects), Integrity::Read),
        Ok(read) if read.by_producer > 0 => {
            let missed = read.objects - read.by_producer;
            let why = format!("{missed} of {} objects have no digest of their producer", read.objects);
            (Digests::Uncovered(why), Integrity::Read)
        }
        Ok(_) => (Digests::None, Integrity::Read),
    };
    Read { name: point.name.clone(), digests, level }
}
