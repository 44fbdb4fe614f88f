//! Looks into a recovery point before it is restored.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use super::digest::Digests;
use super::inspect::{Inspection, Inspector, Verdict, give_time, scrub};
use super::listing::Measure;
use super::stock::Stock;
use super::{Env, Errand, Judged, Question};
use crate::probe::{Integrity, Probe};
use crate::value::{Id, Moment, Name};

/// How to look into a recovery point before it is restored.
#[derive(Clone, Debug)]
pub struct Prove {
    /// The copy whose points are looked into.
    pub copy: Id,
    /// The probes of its copy.
    pub probes: Vec<Arc<Probe>>,
    /// The environment of these.
    pub env: Env,
    /// The key of the copy, and how it is fetched.
    pub key: Option<(Name, Errand)>,
    /// The folder in which they run.
    pub cwd: PathBuf,
    /// The shell for their texts.
    pub shell: Vec<String>,
}

/// What looking into a point has shown.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// Nothing is wrong with it: how far it was looked into, and the moment that it says it holds.
    Good(String, Option<Moment>),
    Bad(String),
    /// Nobody knows; why.
    Unknown(String),
}

/// What was found of points, by their copies and paths; somebody may be looking still.
type Proven = HashMap<(Id, String), Arc<OnceCell<Proof>>>;

/// Looks into recovery points, into each once.
#[derive(Clone, Debug)]
pub(super) struct Prover {
    judged: Arc<Vec<Judged>>,
    /// The binary of drplan, the folder for temporary files of probes, and whether these are confined.
    inspects: Arc<(PathBuf, PathBuf, bool)>,
    inspector: Arc<OnceLock<Inspector>>,
    proven: Arc<Mutex<Proven>>,
}

impl Prover {
    /// Makes one; `judged` is what earlier looks have found.
    pub(super) fn new(exe: PathBuf, tmp: PathBuf, confines: bool, judged: Vec<Judged>) -> Self {
        let inspects = Arc::new((exe, tmp, confines));
        Self { judged: Arc::new(judged), inspects, inspector: Arc::default(), proven: Arc::default() }
    }

    /// Looks into a point, unless that was done already.
    pub(super) async fn prove(
        &self,
        stock: &Stock,
        how: &Prove,
        path: &str,
        name: &str,
        time: Moment,
    ) -> Proof {
        let known = self.judged.iter().find(|judged| judged.copy == how.copy && judged.path == path);
        if let Some(known) = known.filter(|known| known.changed.is_some())
            && is_still(known, stock.measure(name).await)
        {
            return if known.is_good {
                Proof::Good(known.said.clone(), known.time)
            } else {
                Proof::Bad(known.said.clone())
            };
        }
        let proven = match self.proven.lock() {
            Ok(mut proven) => Arc::clone(proven.entry((how.copy.clone(), path.to_owned())).or_default()),
            Err(_) => Arc::default(),
        };
        proven.get_or_init(|| self.look_into(stock, how, path, name, time)).await.clone()
    }

    /// Looks into a point: its producer's digest, and the probes of its copy.
    async fn look_into(&self, stock: &Stock, how: &Prove, path: &str, name: &str, time: Moment) -> Proof {
        // What is surely not whole need not be asked for more.
        match stock.lack(name).await {
            Ok(Some(why)) => return Proof::Bad(why),
            Err(why) => return Proof::Unknown(why),
            Ok(None) => {}
        }
        let inspector = match self.inspector.get() {
            Some(inspector) => inspector.clone(),
            None => {
                let inspects = self.inspects.clone();
                let made = tokio::task::spawn_blocking(move || {
                    let (exe, tmp, confines) = &*inspects;
                    Inspector::new(exe, tmp, *confines)
                });
                match made.await {
                    Ok(inspector) => self.inspector.get_or_init(|| inspector).clone(),
                    Err(error) => return Proof::Unknown(error.to_string()),
                }
            }
        };
        let mut env = how.env.clone();
        if let Some(opened) = stock.env() {
            env.values.extend(opened.values.clone());
            env.secret.extend(opened.secret.iter().cloned());
        }
        if let Some((key, errand)) = &how.key {
            match inspector.fetch(errand.clone()).await {
                Ok(fetched) => {
                    for (name, value) in fetched.known {
                        env.secret.push(name.in_commands().to_owned());
                        env.values.insert(name.in_commands().to_owned(), value.expose_secret().to_owned());
                    }
                }
                Err(_) => env.unknown.push(key.in_commands().to_owned()),
            }
        }
        scrub(&mut env);
        for (variable, value) in
            [("POINT_PATH", path), ("POINT_ID", name), ("POINT_TIME", time.to_string().as_str())]
        {
            env.values.insert(variable.to_owned(), value.to_owned());
        }
        let asks = how.probes.iter().map(|asked| {
            let mut probe = Probe::clone(asked);
            give_time(&mut probe);
            let (env, cwd, shell) = (env.clone(), how.cwd.clone(), how.shell.clone());
            let afar = stock.host().map(|afar| Box::new(afar.clone()));
            inspector.ask(Question { probe, env, cwd, shell, moot: None, afar })
        });
        let digest = async {
            match stock.host() {
                Some(afar) => inspector.digest_afar(afar, path).await,
                None if stock.is_bucket() => Digests::None,
                None => inspector.digest(PathBuf::from(path)).await,
            }
        };
        let (inspections, digests) = tokio::join!(join_all(asks), digest);
        together(&inspections, digests)
    }
}

/// Puts together what digests and probes say. What is surely bad counts before what is not known.
fn together(inspections: &[Inspection], digests: Digests) -> Proof {
    if let Digests::Differ(why) | Digests::Uncovered(why) = &digests {
        return Proof::Bad(why.clone());
    }
    let bad = inspections
        .iter()
        .find(|inspection| inspection.verdict == Verdict::Bad || !inspection.facts.problems.is_empty());
    if let Some(bad) = bad {
        return Proof::Bad(bad.facts.problems.first().unwrap_or(&bad.note).clone());
    }
    if let Some(unknown) = inspections.iter().find(|inspection| inspection.verdict == Verdict::Unknown) {
        return Proof::Unknown(unknown.note.clone());
    }
    let read = inspections.iter().map(|one| one.facts.integrity.unwrap_or(Integrity::Header)).max();
    let level = match digests {
        Digests::Same(_) => Some(Integrity::Digest.max(read.unwrap_or_default())),
        _ => read,
    };
    let time = inspections.iter().find_map(|inspection| inspection.facts.time);
    match (level, digests) {
        (Some(level), _) => Proof::Good(format!("verified just now as far as `{level}`"), time),
        (None, Digests::Unknown(why)) => Proof::Unknown(why),
        (None, _) => Proof::Unknown(String::new()),
    }
}

/// Whether a point is still what was looked at.
fn is_still(known: &Judged, now: Measure) -> bool {
    (known.bytes, known.changed) == (now.bytes, now.changed)
}
