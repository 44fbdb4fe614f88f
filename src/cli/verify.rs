//! `drplan verify`: what the backups that plans rely on really are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use futures_util::future::join_all;

use super::preconditions::Preconditions;
use super::{Global, Terminal, choose, session};
use crate::document::Sources;
use crate::effect::Inspector;
use crate::engine;
use crate::error::Error;
use crate::event::Confined;
use crate::exit::Exit;
use crate::history::History;
use crate::plan::Occasion;
use crate::resolve::{Placement, ResolvedPlan};
use crate::value::{Id, Moment, did_you_mean};
use crate::verify::{
    Asking, Audience, Ground, Known, Look, Pen, PlanSeen, RestoreSeen, Severity, Subject, Verification,
    announce, hold_apart, human, judge_asset, junit, known_file, look, look_at_jobs, openmetrics,
    places_of_jobs, subjects, tidy_up,
};
use crate::workspace::{Workspace, plan_files};

/// Arguments of `drplan verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan verify                               the backups of the plans of this repository\n  \
    drplan verify plans/shop.yaml --copy nightly.s3\n  \
    drplan verify --quiet --record --notify     from cron: quiet while all is well, remembers, and\n                                              \
    tells whom the plan names of what fails\n  \
    drplan verify --format openmetrics >/var/lib/node_exporter/drplan.prom\n\n\
    Exits with 1 if a backup fails or nobody can know, with 2 if drplan itself could not do it, in every format.")]
pub(super) struct Args {
    /// Plans, and folders that hold plans; the plans of this repository if none are given
    pub plans: Vec<PathBuf>,
    /// Only this copy, such as `nightly.s3` (can be given several times)
    #[arg(long, value_name = "COPY")]
    pub copy: Vec<String>,
    /// Only copies of this asset (can be given several times)
    #[arg(long, value_name = "ASSET")]
    pub asset: Vec<String>,
    /// The environment to lay over the plans
    #[arg(long, short, value_name = "ID")]
    pub environment: Option<String>,
    /// The place of the plan that this machine is: what lies there is looked at
    #[arg(long, value_name = "PLACE")]
    pub here: Option<String>,
    /// Hold everything to this moment instead of now; what is newer is not looked at
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Moment>,
    /// Ask as well what each restore will need: tools, hosts, roles, room, keys, an empty target; scenario by scenario
    #[arg(long, conflicts_with_all = ["as_of", "copy"])]
    pub preconditions: bool,
    /// How it is written
    #[arg(long, value_enum, default_value = "human", value_name = "FORMAT")]
    pub format: Format,
    /// From which severity on it exits with 1
    #[arg(long, value_enum, default_value = "unknown", value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Say nothing while all is well; else only what is wrong
    #[arg(long, short)]
    pub quiet: bool,
    /// Remember what was seen, for `execute` and for the next look
    #[arg(long)]
    pub record: bool,
    /// Tell whom the plan's `notify` names of a backup that fails, and, with `--record`, of its recovery
    #[arg(long, conflicts_with = "as_of")]
    pub notify: bool,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table, for people
    Human,
    /// JSON, by `drplan schema verification`
    Json,
    /// A JUnit report: a test for each copy and each asset
    Junit,
    /// Metrics, for the textfile collector of Prometheus' node exporter
    #[value(name = "openmetrics")]
    OpenMetrics,
}

/// From which severity on it exits with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Warnings too
    Warning,
    /// What nobody can know too
    Unknown,
    /// Failures alone
    Failure,
    /// Never
    Never,
}

impl FailOn {
    const fn severity(self) -> Option<Severity> {
        match self {
            Self::Warning => Some(Severity::Warning),
            Self::Unknown => Some(Severity::Unknown),
            Self::Failure => Some(Severity::Failure),
            Self::Never => None,
        }
    }
}

/// A plan whose backups are looked at.
struct Looked {
    file: PathBuf,
    plan: ResolvedPlan,
    placement: Placement,
    ground: Ground,
    /// Where the commands of imported plans run.
    imported: BTreeMap<String, engine::Ground>,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let from = args.plans.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    let workspace = Workspace::find(&from, global.state.as_deref())?;
    let paths = if args.plans.is_empty() { workspace.default_plans() } else { args.plans.clone() };
    let mut plans = Vec::new();
    for file in plan_files(&paths)? {
        plans.push(open(&file, args)?);
    }
    refuse_unknown_names(args, &plans)?;
    if args.notify && !plans.iter().any(|looked| tells_of_backups(&looked.plan)) {
        let error = Error::unable("nobody is named whom `--notify` could tell of a backup that fails");
        return Err(
            error.hint("add to the plan: notify: [ { on: [backup-failed, backup-recovered], webhook: … } ]")
        );
    }
    let known = Known::read(&known_file(&workspace.state));
    let verification = look_at(args, &workspace, &plans, &known)?;
    let quiet = args.quiet && verification.worst().is_none();
    match args.format {
        Format::Human if quiet => {}
        Format::Human => {
            let pen = Pen { color: terminal.color, unicode: terminal.unicode };
            let text = human(&verification, args.quiet, pen);
            terminal.print(&format!("{text}as of {}\n", verification.as_of))?;
        }
        Format::Json => {
            let text = serde_json::to_string_pretty(&verification)
                .map_err(|error| Error::unable(error.to_string()))?;
            terminal.print(&(text + "\n"))?;
        }
        Format::Junit => terminal.print(&junit(&verification).map_err(Error::unable)?)?,
        Format::OpenMetrics => terminal.print(&openmetrics(&verification))?,
    }
    if args.notify {
        tell(args, &workspace, &plans, &verification, &known, terminal)?;
    }
    if args.record {
        let file = known_file(&workspace.state);
        let looks: Vec<Look<'_>> = plans
            .iter()
            .map(|looked| Look { plan: &looked.plan, restores: args.preconditions.then_some(&args.asset) })
            .collect();
        known
            .record(&file, &verification, &looks)
            .map_err(|error| Error::unable(format!("cannot write {}: {error}", file.display())))?;
    }
    let fails = args.fail_on.severity().zip(verification.worst()).is_some_and(|(from, worst)| worst >= from);
    Ok(if fails { Exit::Found } else { Exit::Done })
}

fn tells_of_backups(plan: &ResolvedPlan) -> bool {
    let of_backups = [Occasion::BackupFailed, Occasion::BackupRecovered];
    plan.notify.iter().any(|notification| of_backups.iter().any(|of| notification.on.contains(of)))
}

/// Tells whom the plans name; a message that does not arrive changes nothing but what we say.
fn tell(
    args: &Args,
    workspace: &Workspace,
    plans: &[Looked],
    seen: &Verification,
    known: &Known,
    terminal: &Terminal,
) -> Result<(), Error> {
    // With `--fail-on never` there is still something to tell.
    let from = args.fail_on.severity().unwrap_or(Severity::Unknown);
    let host = session::host();
    let audience = Audience {
        environment: args.environment.as_deref(),
        host: &host,
        from,
        is_whole: args.copy.is_empty() && args.asset.is_empty(),
        with_restores: args.preconditions,
        within: workspace.config.defaults.last_words.unwrap_or(session::LAST_WORDS),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let all = plans
        .iter()
        .zip(&seen.plans)
        .map(|(looked, plan)| announce(&looked.plan, &looked.ground, plan, known, seen.as_of, audience));
    let deliveries = runtime.block_on(join_all(all));
    runtime.shutdown_background();
    for delivery in deliveries.into_iter().flatten() {
        if let Some(why) = delivery.failure {
            terminal.say(&format!("warning: {} was not told of {}: {why}", delivery.to, delivery.of));
        }
    }
    Ok(())
}

fn open(file: &Path, args: &Args) -> Result<Looked, Error> {
    let mut sources = Sources::default();
    let (opened, plan) = choose::plan_to_run(file, args.environment.as_deref(), &mut sources)?;
    let absolute = std::path::absolute(file)?;
    let ground = session::ground(&absolute, &plan.pass_env);
    let ground = Ground { folder: ground.folder, inherited: ground.inherited };
    let imports = opened.imports.plans.iter().zip(&opened.imported_files);
    let imported = imports.map(|(import, file)| {
        let pass_env = plan.imported.get(&import.prefix).map(|import| import.pass_env.as_slice());
        let file = std::path::absolute(file)?;
        Ok((import.prefix.clone(), session::ground(&file, pass_env.unwrap_or_default())))
    });
    let imported = imported.collect::<Result<_, Error>>()?;
    Ok(Looked { file: absolute, plan, placement: opened.placement, ground, imported })
}

/// A name that no plan has would make everything look well.
fn refuse_unknown_names(args: &Args, plans: &[Looked]) -> Result<(), Error> {
    let copies: Vec<String> = plans
        .iter()
        .flat_map(|looked| subjects(&looked.plan, &looked.placement, &looked.ground, None))
        .map(|subject| subject.reference.to_string())
        .collect();
    let assets: Vec<&str> =
        plans.iter().flat_map(|looked| looked.plan.assets.keys()).map(Id::as_str).collect();
    let places: Vec<&str> =
        plans.iter().flat_map(|looked| looked.plan.places.keys()).map(Id::as_str).collect();
    let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
    let here: Vec<String> = args.here.iter().cloned().collect();
    for (what, wanted, known) in
        [("copy", &args.copy, &copies), ("asset", &args.asset, &assets), ("place", &here, &places)]
    {
        if let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
            let error = Error::unable(format!("there is no {what} `{}`", name.escape_debug()));
            let guess = did_you_mean(name, known.iter().copied());
            return Err(error.hint(guess.unwrap_or_else(|| format!("there are: {}", known.join(", ")))));
        }
    }
    Ok(())
}

fn look_at(
    args: &Args,
    workspace: &Workspace,
    plans: &[Looked],
    known: &Known,
) -> Result<Verification, Error> {
    // From here on secrets may be in our memory.
    crate::keeper::seal();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exe = std::env::current_exe()?;
    let visit = format!("verify-{}", crate::approval::nonce()?);
    let tmp = tempfile::Builder::new().prefix("drplan-verify-").tempdir()?;
    let now = session::now();
    // Records that cannot be read are told by `check`.
    let (history, _) = History::read(&workspace.evidence(), now, &mut Sources::default());
    let as_of = args.as_of.unwrap_or(now);
    let here = args.here.as_ref().map(Id::trusted);
    let (kept_by, seen) = runtime.block_on(async {
        let confines = workspace.config.defaults.confine.unwrap_or(true);
        let inspector = Inspector::new(&exe, &tmp.path().join("probe"), confines);
        let kept_by = match inspector.confinement().0 {
            Confined::Mounts => "mounts",
            Confined::Landlock => "landlock",
            Confined::Nothing => "nothing",
        };
        let looks = plans.iter().map(|looked| {
            let asking = Asking {
                plan: &looked.plan,
                ground: &looked.ground,
                inspector: &inspector,
                now,
                as_of,
                here: here.as_ref(),
                history: &history,
                known: Some(known),
                exe: &exe,
                visit: &visit,
            };
            look_at_one(args, workspace, looked, asking)
        });
        let mut seen = join_all(looks).await;
        if args.preconditions {
            for (at, (looked, seen)) in plans.iter().zip(&mut seen).enumerate() {
                let folder = tmp.path().join(format!("recovery-{at}"));
                seen.restores = ask_preconditions(args, workspace, looked, folder).await?;
            }
        }
        Ok::<_, Error>((kept_by, seen))
    })?;
    // A look that hangs, such as at a file on a dead share, does not hold up the end.
    runtime.shutdown_background();
    Ok(Verification {
        version: Verification::VERSION,
        drplan: env!("CARGO_PKG_VERSION").to_owned(),
        as_of,
        confined: kept_by.to_owned(),
        plans: seen,
    })
}

async fn look_at_one(args: &Args, workspace: &Workspace, looked: &Looked, asking: Asking<'_>) -> PlanSeen {
    let plan = &looked.plan;
    let is_wanted = |subject: &Subject<'_>| {
        let by_copy = args.copy.is_empty() || args.copy.iter().any(|copy| copy == subject.reference.as_str());
        let by_asset = args.asset.is_empty()
            || subject.backup.of.iter().any(|asset| args.asset.iter().any(|wanted| wanted == asset.as_str()));
        by_copy && by_asset
    };
    let all = subjects(plan, &looked.placement, &looked.ground, asking.here);
    let chosen: Vec<Subject<'_>> = all.into_iter().filter(is_wanted).collect();
    let copies = join_all(chosen.iter().map(|subject| look(asking, subject)));
    // Jobs belong to no single copy.
    let of_jobs = args.copy.is_empty();
    let jobs = async {
        if of_jobs { look_at_jobs(asking, &looked.placement, &args.asset).await } else { Vec::new() }
    };
    let (mut copies, jobs) = tokio::join!(copies, jobs);
    let jobs_on = places_of_jobs(asking, &looked.placement, &args.asset).filter(|_| of_jobs);
    tidy_up(asking, &chosen, jobs_on).await;
    // In a sandbox, all that stands in for places may well be one machine.
    if args.environment.is_none() {
        hold_apart(plan, &chosen, &mut copies).await;
    }
    // Where only some copies were looked at, nothing can be said of the asset as a whole.
    let assets = if args.copy.is_empty() {
        let wanted = |id: &Id| args.asset.is_empty() || args.asset.iter().any(|asset| asset == id.as_str());
        plan.assets
            .iter()
            .filter(|(id, _)| wanted(id))
            .filter_map(|(id, asset)| judge_asset(plan, id, asset, &copies))
            .collect()
    } else {
        Vec::new()
    };
    PlanSeen {
        plan: plan.plan.clone(),
        title: plan.title.clone(),
        file: workspace.relative(&looked.file).display().to_string(),
        environment: plan.environment.clone(),
        copies,
        jobs,
        restores: Vec::new(),
        assets,
    }
}

async fn ask_preconditions(
    args: &Args,
    workspace: &Workspace,
    looked: &Looked,
    folder: PathBuf,
) -> Result<Vec<RestoreSeen>, Error> {
    let is_asked = |id: &&Id| args.asset.iter().any(|asset| asset == id.as_str());
    let only: Vec<Id> = looked.plan.assets.keys().filter(is_asked).cloned().collect();
    if only.is_empty() && !args.asset.is_empty() {
        return Ok(Vec::new());
    }
    let preconditions = Preconditions {
        workspace,
        file: &looked.file,
        plan: &looked.plan,
        placement: &looked.placement,
        imported: &looked.imported,
        only: &only,
        folder,
    };
    preconditions.ask().await
}
