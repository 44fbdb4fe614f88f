//! Asks what is really there: lists points, looks into the newest, fetches the key. Judges nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use secrecy::ExposeSecret;

use super::abroad::{self, reach, where_asked};
use super::found::{Found, Looked, Seen};
use super::judge::judge_copy;
use super::promise::Promise;
use super::s3;
use super::subject::{Ground, Subject, Whereabouts};
use super::{CopySeen, Known};
use crate::bucket::Address;
use crate::effect::{
    Afar, Digests, Env, Errand, Inspection, Inspector, Measure, Origin, Question, Unfetched, Unlisted,
    Wanted, give_time, scrub,
};
use crate::history::History;
use crate::plan::{Keep, SecretSource};
use crate::probe::{Command, Facts, Integrity, Probe};
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Moment, Name};

/// What looking at a plan's copies takes.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The plan.
    pub plan: &'a ResolvedPlan,
    /// Where its commands run.
    pub ground: &'a Ground,
    /// What looks.
    pub inspector: &'a Inspector,
    /// The time.
    pub now: Moment,
    /// The moment to which everything is held.
    pub as_of: Moment,
    /// The place that this machine is, if somebody says so.
    pub here: Option<&'a Id>,
    /// What drills have shown.
    pub history: &'a History,
    /// What was seen before.
    pub known: Option<&'a Known>,
    /// The binary of drplan, for couriers to other hosts.
    pub exe: &'a Path,
    /// The name under which hosts keep what belongs to this look.
    pub visit: &'a str,
}

/// Looks at a copy and holds it to the plan.
pub async fn look(asking: Asking<'_>, subject: &Subject<'_>) -> CopySeen {
    let promise = Promise::of(asking.plan, subject, asking.history, asking.as_of);
    let before = asking.known.and_then(|known| {
        known.copy(&asking.plan.plan, asking.plan.environment.as_ref(), &subject.reference)
    });
    let found = find(asking, subject, &promise).await;
    judge_copy(&promise, subject, found, before, asking.now, asking.as_of)
}

async fn find(asking: Asking<'_>, subject: &Subject<'_>, promise: &Promise<'_>) -> Found {
    let mut env = Env { values: subject.vars.clone(), ..Env::default() };
    let mut no_key = None;
    if let Some(key) = &subject.copy.key {
        match fetch(asking, key).await {
            Ok(secrets) => {
                for (name, value) in secrets {
                    env.secret.push(name.clone());
                    env.values.insert(name, value);
                }
            }
            Err(why) => {
                env.unknown.push(key.in_commands().to_owned());
                no_key = Some(why);
            }
        }
    }
    scrub(&mut env);
    env.values.insert("POINT_COPY".to_owned(), subject.reference.to_string());
    let mut found = Found { no_key, ..Found::default() };
    let probes = subject.copy.verify.iter().map(Arc::as_ref);
    let (of_copy, of_point): (Vec<&Probe>, Vec<&Probe>) = probes.partition(|probe| probe.is_of_copy());
    let mut afar = None;
    let at = match &subject.at {
        Whereabouts::Here(path) => path.display().to_string(),
        Whereabouts::Url(url) => url.clone(),
        Whereabouts::Host(place, path) => {
            match reach(asking, place, &env.values) {
                Ok(reached) => afar = reached,
                Err(why) => {
                    let help = format!("run `drplan verify --here {place}` on {place}");
                    found.not_seen = Some((why, help));
                    return found;
                }
            }
            path.clone()
        }
        Whereabouts::Nowhere(why) => {
            found.not_seen = Some((why.clone(), "say in `at` where the copy lies".to_owned()));
            return found;
        }
    };
    if !of_copy.is_empty() {
        env.values.insert("POINT_PATH".to_owned(), at.clone());
        let inspections = ask_all(asking, &of_copy, &env, afar.as_ref()).await;
        let mut facts = Facts::default();
        for (_, inspection) in &inspections {
            facts.add(inspection.facts.clone());
        }
        let mut moments: Vec<Moment> = facts.points.iter().chain(&facts.time).copied().collect();
        moments.sort_unstable();
        moments.dedup();
        found.seen = moments
            .iter()
            .map(|time| Seen { name: time.to_string(), path: at.clone(), ..Seen::at(*time) })
            .collect();
        if found.seen.is_empty() {
            // Whatever it says: there is nothing that could be restored.
            found.seen_by_probe = true;
        }
        found.looked.push(Looked {
            name: at.clone(),
            path: at.clone(),
            listed: moments.last().copied(),
            measure: Measure { bytes: facts.size, ..Measure::default() },
            inspections,
            digests: Digests::None,
            read: Integrity::Listed,
            is_whole_copy: true,
        });
        if of_point.is_empty() {
            return found;
        }
    }
    if let Whereabouts::Url(url) = &subject.at
        && Address::is_meant_by(url)
    {
        let read = s3::look(asking, subject, promise, url, &mut env, &mut found).await;
        let mut found = look_into(asking, promise, &of_point, &env, None, found).await;
        if let (Some(read), Some(newest)) =
            (read, found.looked.iter_mut().find(|looked| !looked.is_whole_copy))
            && read.name == newest.name
        {
            (newest.digests, newest.read) = (read.digests, read.level);
        }
        return found;
    }
    if let Some(afar) = &afar {
        abroad::list(asking, subject, promise, afar, &at, &mut found).await;
        return look_into(asking, promise, &of_point, &env, Some(afar), found).await;
    }
    let Whereabouts::Here(path) = &subject.at else {
        if of_copy.is_empty() {
            found.not_seen = Some((
                format!("{at} cannot be listed by this version"),
                "use a probe recipe that lists the copy (`of: copy`), or look from where it is a folder"
                    .to_owned(),
            ));
        }
        return found;
    };
    list(asking, subject, promise, path, &mut found).await;
    look_into(asking, promise, &of_point, &env, None, found).await
}

/// Lists the points of a folder, or takes a file, or a mirror, for the one point that it is.
async fn list(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    promise: &Promise<'_>,
    path: &Path,
    found: &mut Found,
) {
    let is_single = *promise.keep == Keep::Latest || path.is_file();
    if is_single && path.exists() {
        let name = path
            .file_name()
            .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        found.seen.push(Seen {
            time: Moment::find_in(&name),
            name,
            path: path.display().to_string(),
            measure: Measure::default(),
        });
        return;
    }
    match asking.inspector.list(path.to_owned()).await {
        Ok(listing) => found.take(listing),
        Err(Unlisted::Missing(why)) => found.missing = Some(why),
        Err(Unlisted::Unreadable(why)) => {
            let help = format!("let {} be read by who runs `drplan verify`", subject.reference);
            found.not_seen = Some((why, help));
        }
    }
}

/// Looks into the newest point; into the one before it as well where the two are compared.
async fn look_into(
    asking: Asking<'_>,
    promise: &Promise<'_>,
    probes: &[&Probe],
    env: &Env,
    afar: Option<&Afar>,
    mut found: Found,
) -> Found {
    let limit = asking.as_of.min(asking.now.plus(super::judge::CLOCKS_DIFFER));
    let usable = found.seen.iter().filter(|seen| seen.time.is_none_or(|time| time <= limit));
    let count = if promise.floor.is_some_and(|floor| floor.drop.is_some()) { 2 } else { 1 };
    let chosen: Vec<Seen> = usable.rev().take(count).cloned().collect();
    let looks = chosen.into_iter().map(|seen| look_into_one(asking, probes, env, afar, seen));
    let mut looked: Vec<Looked> = join_all(looks).await;
    found.looked.append(&mut looked);
    found
}

async fn look_into_one(
    asking: Asking<'_>,
    probes: &[&Probe],
    env: &Env,
    afar: Option<&Afar>,
    seen: Seen,
) -> Looked {
    let mut env = env.clone();
    env.values.insert("POINT_PATH".to_owned(), seen.path.clone());
    env.values.insert("POINT_ID".to_owned(), seen.name.clone());
    match seen.time {
        Some(time) => {
            env.values.insert("POINT_TIME".to_owned(), time.to_string());
        }
        None => env.unknown.push("POINT_TIME".to_owned()),
    }
    let digest = async {
        match afar {
            Some(afar) => asking.inspector.digest_afar(afar, &seen.path).await,
            None if Address::is_meant_by(&seen.path) => Digests::None,
            None => asking.inspector.digest(PathBuf::from(&seen.path)).await,
        }
    };
    let (inspections, digests) = tokio::join!(ask_all(asking, probes, &env, afar), digest);
    Looked {
        name: seen.name,
        path: seen.path,
        listed: seen.time,
        measure: seen.measure,
        inspections,
        digests,
        read: Integrity::Listed,
        is_whole_copy: false,
    }
}

/// Asks all probes at the same time, where the copy lies unless they say where else.
async fn ask_all(
    asking: Asking<'_>,
    probes: &[&Probe],
    env: &Env,
    afar: Option<&Afar>,
) -> Vec<(String, Inspection)> {
    let asks = probes.iter().map(|probe| async move {
        let (afar, moot) = match where_asked(asking, probe, afar, &env.values) {
            Ok(afar) => (afar.map(Box::new), None),
            Err(why) => (None, Some(why)),
        };
        let mut question = Question {
            probe: (*probe).clone(),
            env: env.clone(),
            cwd: asking.ground.folder.clone(),
            shell: shell(asking.plan),
            moot,
            afar,
        };
        give_time(&mut question.probe);
        (probe.shown(), asking.inspector.ask(question).await)
    });
    join_all(asks).await
}

pub(super) fn shell(plan: &ResolvedPlan) -> Vec<String> {
    match &plan.shell {
        Some(shell) => shell.to_vec(),
        None => ["bash", "-euo", "pipefail", "-c"].map(str::to_owned).to_vec(),
    }
}

/// Fetches the secret that reading a copy takes, from where the plan says that it lives.
pub(super) async fn fetch(asking: Asking<'_>, key: &Name) -> Result<Vec<(String, String)>, String> {
    let Some(secret) = asking.plan.secrets.get(key) else {
        return Err(format!("the plan has no secret {key}"));
    };
    let origin = match &secret.source {
        SecretSource::Env(variable) => Origin::Variable(variable.clone()),
        SecretSource::File(path) => Origin::File(path.into()),
        SecretSource::Command(Command::Program(words)) => Origin::Program(words.clone()),
        SecretSource::Command(Command::Shell(text)) => {
            Origin::Program(shell(asking.plan).into_iter().chain([text.to_string()]).collect())
        }
        SecretSource::Ask(_) => return Err("it is asked of a person".to_owned()),
    };
    let mut env = asking.ground.inherited.clone();
    env.extend(asking.plan.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let wanted = vec![Wanted { name: key.clone(), origin }];
    let errand = Errand { wanted, env, cwd: asking.ground.folder.clone() };
    let reason =
        |Unfetched(missing)| missing.into_iter().map(|(_, why)| why).collect::<Vec<String>>().join("; ");
    let fetched = asking.inspector.fetch(errand).await.map_err(reason)?;
    let plain = |(name, value): (Name, secrecy::SecretString)| {
        (name.in_commands().to_owned(), value.expose_secret().to_owned())
    };
    Ok(fetched.known.into_iter().map(plain).collect())
}
