//! What a simulation says, for people and programs.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::value::{Id, Length, schema_with};

/// What a recovery that was carried out on paper many times says about its targets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Simulation {
    /// The version of this format.
    #[schemars(extend("const" = Simulation::VERSION))]
    pub version: u32,
    /// The plan.
    pub plan: Id,
    /// Its title.
    pub title: String,
    /// The scenario; null if the plan has none.
    pub scenario: Option<Id>,
    /// The title of the scenario.
    pub scenario_title: Option<String>,
    /// The environment; null if none.
    pub environment: Option<Id>,
    /// How many runs.
    pub runs: u32,
    /// What the random numbers begin with: the same seed gives the same answer.
    pub seed: u64,
    /// How many times the median the 95th percentile is, where neither plan nor drills say.
    pub spread: f64,
    /// The probability that an attempt of a command or request fails.
    pub failure_rate: f64,
    /// How many commands and requests run at the same time.
    pub max_parallel: usize,
    /// The whole recovery, from the incident to the last asset.
    pub whole: Spread,
    /// The share of the runs in which a step failed for good, so that not everything came back.
    pub unrecovered: f64,
    /// Every asset that is hit and comes back, the least certain of its target first.
    pub assets: Vec<SimulatedAsset>,
    /// The steps that failed for good in some runs, the most frequent first.
    pub failures: Vec<Failure>,
    /// What was most often on the critical path, what improving would bring most first.
    pub improvements: Vec<Improvement>,
}

impl Simulation {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// Returns the simulation as JSON, laid out for people as well, with a line break at its end.
    ///
    /// # Errors
    ///
    /// None that a simulation can meet; the type is that of the JSON library.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Returns the asset that is the least certain of its target; nothing if nothing comes back.
    pub fn worst(&self) -> Option<&SimulatedAsset> {
        self.assets.first()
    }
}

/// How a time scatters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// Without any chance: every step takes what the plan or the drills say.
    pub expected: Length,
    /// Half of the runs took at most this long; null if fewer than half came to an end.
    pub p50: Option<Length>,
    /// Of 100 runs, 95 took at most this long; null if fewer came to an end.
    pub p95: Option<Length>,
    /// Of 100 runs, 99 took at most this long; null if fewer came to an end.
    pub p99: Option<Length>,
    /// The times below which 0, 1, 2 … 200 of 200 parts of the runs lie, for drawings.
    #[serde(skip)]
    pub curve: Vec<Option<Length>>,
}

/// How the time until an asset is healthy scatters, counted from the incident.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulatedAsset {
    /// The asset.
    pub asset: Id,
    /// Its recovery time objective in the scenario; null where none is promised.
    pub rto: Option<Length>,
    /// The share of the runs that met it; null where none is promised.
    pub met: Option<f64>,
    /// How the time scatters.
    #[serde(flatten)]
    pub spread: Spread,
}

/// A step that failed for good in some runs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "SimulatedFailure")]
pub struct Failure {
    /// The step.
    pub step: Id,
    /// The share of the runs.
    pub share: f64,
}

/// What it would bring if something took half as long.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Improvement {
    /// The step, or `detect` or `decide` of the scenario.
    pub what: String,
    /// The share of the runs in which it was on the critical path of the whole recovery.
    pub critical: f64,
    /// What its spread rests on.
    pub rests_on: String,
    /// By how much the 95th percentile of the least certain asset would fall; null if it has none.
    pub p95_falls_by: Option<Length>,
    /// By how much the share of the runs in which the least certain asset meets its target would rise; null where nothing is promised.
    pub met_rises_by: Option<f64>,
}

/// Returns the JSON Schema of what `drplan simulate --format json` prints.
pub fn simulation_schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    schema_with::<Simulation>(settings, "simulation", "A simulation of drplan")
}
