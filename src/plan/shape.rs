//! Asks the JSON Schema what is wrong with the shape of a document, and says it in our own words.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::retyped::retyped;
use super::{Job, Notification, Points, RawStep, Secret, Undo, plan_schema, recipe_schema};
use crate::document::{Document, KeyPath, Node, Part, Yaml};
use crate::finding::{Finding, Fix};
use crate::probe::ProbeKind;
use crate::value::{did_you_mean, explain_pattern, slip_of};

/// Which schema a document is held to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Plan,
    Recipe,
}

impl Shape {
    /// Returns the key under which the id stands.
    pub(super) const fn id_key(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Recipe => "recipe",
        }
    }
}

struct Schema {
    json: Value,
    validator: Option<Validator<Yaml>>,
}

impl Schema {
    fn new(json: Value) -> Self {
        let validator = jsonschema::options_for::<Yaml>().should_validate_formats(true).build(&json).ok();
        Self { json, validator }
    }
}

static PLAN: LazyLock<Schema> = LazyLock::new(|| Schema::new(plan_schema()));
static RECIPE: LazyLock<Schema> = LazyLock::new(|| Schema::new(recipe_schema()));

/// More problems than this in one document help nobody.
const MOST: usize = 1_000;

/// Finds what is wrong with the shape of a document.
pub(super) fn check_shape(document: &Document, shape: Shape) -> Vec<Finding> {
    let schema: &Schema = match shape {
        Shape::Plan => &PLAN,
        Shape::Recipe => &RECIPE,
    };
    let Some(validator) = &schema.validator else { return Vec::new() };
    if validator.is_valid(document.root()) {
        return Vec::new();
    }
    let mut judge = Judge { document, schema: &schema.json, findings: Vec::new() };
    for error in validator.iter_errors(document.root()) {
        judge.take(&error);
        if judge.findings.len() >= MOST {
            break;
        }
    }
    judge.findings
}

struct Judge<'a> {
    document: &'a Document,
    schema: &'a Value,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn take(&mut self, error: &ValidationError<'_>) {
        let path = KeyPath::from_pointer(error.instance_path().as_str());
        let path = self.real_path(&path);
        let Some(node) = self.document.root().at(&path) else { return };
        let node = node.clone();
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error);
                for key in unexpected {
                    self.report_unknown_field(&path, key, &known);
                }
            }
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let at = if path.segments().is_empty() { "the file".to_owned() } else { format!("`{path}`") };
                let help = self.description_of(error, name);
                self.report(
                    "missing-field",
                    format!("{at} has no `{name}`"),
                    &path,
                    Part::Key,
                    "in here",
                    help,
                );
            }
            Kind::OneOfNotValid { context } | Kind::OneOfMultipleValid { context } => {
                self.take_choice(&path, &node, context);
            }
            Kind::AnyOf { .. } if error.schema_path().as_str().contains("/then/") => {
                self.report_misfit(&path, &node);
            }
            Kind::AnyOf { context } => self.take_best(&path, &node, context),
            Kind::PropertyNames { error } => self.report_bad_key(&path, &node, error),
            Kind::Type { kind } => {
                let help = self.description_at(error);
                let fix = match kind {
                    TypeKind::Single(kind) if !self.has_pattern(error) => {
                        retyped(self.document, self.document.place(&path, Part::Value), &node, *kind)
                    }
                    _ => None,
                };
                self.report_type(&path, &node, &expected_types(kind), help);
                if let Some(last) = self.findings.last_mut() {
                    last.fix = fix;
                }
            }
            Kind::Pattern { pattern } => self.report_pattern(&path, &node, pattern, error),
            Kind::Format { format } if format == "date" => {
                // What is not even written like a day is told by its pattern.
                let digits = node.as_str().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
                if digits < 8 {
                    return;
                }
                let message = format!("`{path}` is {}, which is no day of the calendar", shown(&node));
                let help = "write a day such as 2027-06-30".to_owned();
                self.report("bad-value", message, &path, Part::Value, "here", Some(help));
            }
            Kind::Constant { expected_value } => self.report_constant(&path, &node, expected_value),
            Kind::Enum { options } => {
                let words: Vec<&str> =
                    options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let mut others = options.as_array().into_iter().flatten().filter(|option| !option.is_null());
                match others.next().filter(|_| words.is_empty()) {
                    Some(only) => self.report_constant(&path, &node, only),
                    None => self.report_word(&path, &node, &words),
                }
            }
            Kind::MinLength { .. } => {
                let help = self.description_at(error);
                self.report(
                    "bad-value",
                    format!("`{path}` is empty or too short"),
                    &path,
                    Part::Value,
                    "here",
                    help,
                );
            }
            Kind::MaxLength { limit } => {
                let message = format!("`{path}` is longer than {limit} letters");
                self.report("bad-value", message, &path, Part::Value, "here", None);
            }
            Kind::MinItems { limit } => {
                let message = format!("`{path}` needs at least {}", plural(*limit, "item"));
                self.report("bad-value", message, &path, Part::Key, "here", None);
            }
            Kind::Minimum { limit } | Kind::ExclusiveMinimum { limit } => {
                let message = format!("`{path}` is {}, but must be at least {limit}", shown(&node));
                self.report("bad-value", message, &path, Part::Value, "too small", None);
            }
            Kind::Maximum { limit } | Kind::ExclusiveMaximum { limit } => {
                let message = format!("`{path}` is {}, but must be at most {limit}", shown(&node));
                self.report("bad-value", message, &path, Part::Value, "too large", None);
            }
            Kind::MinProperties { .. } => {
                let message = format!("`{path}` is empty");
                let help = self.description_at(error);
                self.report("bad-value", message, &path, Part::Key, "nothing in it", help);
            }
            other => {
                let message = format!("`{path}` does not fit the language ({})", other.keyword());
                self.report("bad-value", message, &path, Part::Value, "here", None);
            }
        }
    }

    /// A pointer does not tell a key of digits from an index; the tree does.
    fn real_path(&self, path: &KeyPath) -> KeyPath {
        let mut real = KeyPath::root();
        for segment in path.segments() {
            real = match segment {
                crate::document::Segment::Index(index)
                    if self.document.root().at(&real).is_some_and(|node| node.items().is_empty()) =>
                {
                    real.key(&index.to_string())
                }
                crate::document::Segment::Index(index) => real.index(*index),
                crate::document::Segment::Key(key) => real.key(key),
            };
        }
        real
    }

    fn report(
        &mut self,
        code: &'static str,
        message: String,
        path: &KeyPath,
        part: Part,
        label: &str,
        help: Option<String>,
    ) {
        let place = self.document.place(path, part);
        self.findings.push(Finding::error(code, message).at(place, label).maybe_help(help));
    }

    fn report_unknown_field(&mut self, path: &KeyPath, key: &str, known: &[String]) {
        let help = did_you_mean(key, known.iter().map(String::as_str))
            .or_else(|| (!known.is_empty()).then(|| format!("known here: {}", known.join(", "))));
        let message = format!("`{key}` is not a field of {}", thing_at(path));
        let place = self.document.place(&path.key(key), Part::Key);
        // A field that is there already would then be there twice.
        let is_given = |name: &str| self.document.root().at(&path.key(name)).is_some();
        let slip = slip_of(key, known.iter().map(String::as_str)).filter(|name| !is_given(name));
        let fix = slip.and_then(|name| Fix::respell(self.document, place, key, name));
        let finding = Finding::error("unknown-field", message).at(place, "not known here");
        self.findings.push(finding.maybe_help(help).fix(fix));
    }

    fn report_constant(&mut self, path: &KeyPath, node: &Node, only: &Value) {
        let message = if path.to_string() == "version" {
            format!("version {} is not known", shown(node))
        } else {
            format!("`{path}` is {}, but can only be {only}", shown(node))
        };
        let help = format!("write {only}, the only one that this drplan knows");
        self.report("bad-value", message, path, Part::Value, "here", Some(help));
    }

    fn report_word(&mut self, path: &KeyPath, node: &Node, words: &[&str]) {
        let word = node.as_str().unwrap_or_default();
        let message = format!("`{path}` is {}, which is not one of its words", shown(node));
        let help = did_you_mean(word, words.iter().copied())
            .unwrap_or_else(|| format!("it is one of: {}", words.join(", ")));
        let place = self.document.place(path, Part::Value);
        let slip = slip_of(word, words.iter().copied());
        let fix = slip.and_then(|right| Fix::respell(self.document, place, word, right));
        self.findings.push(Finding::error("bad-value", message).at(place, "not known").help(help).fix(fix));
    }

    fn report_type(&mut self, path: &KeyPath, node: &Node, expected: &str, help: Option<String>) {
        let at = if path.segments().is_empty() { "the file".to_owned() } else { format!("`{path}`") };
        let message = match node.what() {
            "nothing" => format!("{at} is empty, but should be {expected}"),
            what => format!("{at} is {what}, but should be {expected}"),
        };
        // What is empty has no value to point at.
        let part = if node.what() == "nothing" { Part::Key } else { Part::Value };
        self.report("wrong-type", message, path, part, "here", help);
    }

    fn report_pattern(&mut self, path: &KeyPath, node: &Node, pattern: &str, error: &ValidationError<'_>) {
        let text = node.as_str().unwrap_or_default();
        let (message, help) = match explain_pattern(pattern, text) {
            Some(why) => (why, None),
            None if text.trim().is_empty() => (format!("`{path}` is empty"), self.description_at(error)),
            None => (format!("`{path}` is not written as it should be"), self.description_at(error)),
        };
        self.report("bad-value", message, path, Part::Value, "here", help);
    }

    fn report_bad_key(&mut self, path: &KeyPath, node: &Node, error: &ValidationError<'_>) {
        for (key, _) in node.entries() {
            let why = match error.kind() {
                Kind::Pattern { pattern } => explain_pattern(pattern, &key.text),
                Kind::MaxLength { limit } => (key.text.chars().count() as u64 > *limit)
                    .then(|| format!("a name has at most {limit} letters")),
                _ => None,
            };
            if let Some(why) = why {
                self.report("bad-id", why, &path.key(&key.text), Part::Key, "here", None);
            }
        }
    }

    /// Of the forms that a value may have, the one that it seems to be meant as is the one to complain about.
    fn take_best(&mut self, path: &KeyPath, node: &Node, context: &[Vec<ValidationError<'static>>]) {
        let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
        let here = path.segments().len();
        let is_of_wrong_type = |errors: &&Vec<ValidationError<'static>>| is_of_wrong_type(errors, here, node);
        let is_word = |errors: &&Vec<ValidationError<'static>>| {
            errors.iter().all(|error| matches!(error.kind(), Kind::Constant { .. }))
        };
        let meant: Vec<&Vec<ValidationError<'static>>> =
            context.iter().filter(|errors| !is_of_wrong_type(errors)).collect();
        let best = meant.iter().filter(|errors| !is_word(errors)).min_by_key(|errors| errors.len());
        let words: Vec<&str> = meant.iter().flat_map(|errors| errors.iter()).filter_map(constant).collect();
        if best.is_none() && words.len() > 1 {
            return self.report_word(path, node, &words);
        }
        if let Some(errors) = best.or_else(|| meant.first()) {
            for error in *errors {
                self.take(error);
            }
            return;
        }
        let mut expected: Vec<String> = Vec::new();
        for error in context.iter().flatten().filter(|error| depth(error) == here) {
            if let Kind::Type { kind } = error.kind() {
                let types = expected_types(kind);
                if !expected.contains(&types) {
                    expected.push(types);
                }
            }
        }
        let help = context.iter().flatten().find_map(|error| self.description_at(error));
        let is_length = help.as_ref().is_some_and(|help| help.starts_with("A length of time"));
        if is_length && node.what().contains("number") {
            let message = format!("`{path}` is {}, a number without a unit", shown(node));
            let help = "write it like 90s, 15m, 1h30m or 2d".to_owned();
            return self.report("wrong-type", message, path, Part::Value, "of what?", Some(help));
        }
        self.report_type(path, node, &expected.join(" or "), help);
    }

    /// Exactly one of several keys.
    fn take_choice(&mut self, path: &KeyPath, node: &Node, context: &[Vec<ValidationError<'static>>]) {
        let required: Option<Vec<&str>> = context
            .iter()
            .flatten()
            .map(|error| match error.kind() {
                Kind::Required { property } => property.as_str(),
                _ => None,
            })
            .collect();
        let choice = required.and_then(|required| {
            CHOICES.iter().find(|choice| {
                choice.keys.len() == context.len() && required.iter().all(|key| choice.keys.contains(key))
            })
        });
        let Some(choice) = choice else { return self.take_best(path, node, context) };
        // What is no mapping is told as that.
        if !matches!(node.kind, crate::document::Kind::Map(_)) {
            return;
        }
        let given: Vec<&str> = choice.keys.iter().copied().filter(|key| node.entry(key).is_some()).collect();
        let help = format!("{} has exactly one of: {}", choice.thing, choice.keys.join(", "));
        let name = format!("`{path}`");
        let mut finding = match given.as_slice() {
            [] => Finding::error("exactly-one", format!("{name} has no {}", choice.what))
                .at(self.document.place(path, Part::Key), format!("no {}", choice.what)),
            [first, rest @ ..] => {
                let all: Vec<String> = given.iter().map(|key| format!("`{key}`")).collect();
                let message = format!("{name} has more than one {}: {}", choice.what, all.join(" and "));
                let mut finding = Finding::error("exactly-one", message)
                    .at(self.document.place(&path.key(first), Part::Key), "one");
                for key in rest {
                    finding = finding.related(self.document.place(&path.key(key), Part::Key), "another");
                }
                finding
            }
        };
        finding = finding.help(help);
        self.findings.push(finding);
    }

    /// A field that does not fit the action, or an expectation that does not fit the probe.
    fn report_misfit(&mut self, path: &KeyPath, node: &Node) {
        let has = |key: &str| node.entry(key).is_some();
        let text = path.to_string();
        let section = text.split('.').next().unwrap_or_default();
        let is_step = path.segments().len() == 2 && matches!(section, "prepare" | "steps" | "cleanup");
        let is_probe = !is_step && ProbeKind::KEYS.iter().any(|key| has(key));
        let mut misfits: Vec<(KeyPath, &str, Vec<&str>)> = Vec::new();
        for (field, fits) in RawStep::ACTION_FIELDS {
            // `expect` of a probe is looked at below, `with` fits both.
            if has(field) && !fits.iter().any(|key| has(key)) {
                misfits.push((path.key(field), field, fits.to_vec()));
            }
        }
        if has("timezone") && !has("cron") {
            misfits.push((path.key("timezone"), "timezone", vec!["cron"]));
        }
        if has("user") && (has("crontab") || has("timer")) {
            misfits.push((path.key("user"), "user", vec!["cron"]));
        }
        if is_probe {
            misfits.retain(|(_, field, _)| *field != "expect");
        }
        if (is_probe || has("http"))
            && let Some(expect) = node.get("expect")
        {
            for (key, _) in expect.entries() {
                let fits: Vec<&str> = ProbeKind::KEYS
                    .into_iter()
                    .filter(|kind| ProbeKind::expectations(kind).contains(&&*key.text))
                    .collect();
                if !fits.is_empty() && !fits.iter().any(|kind| has(kind)) {
                    misfits.push((path.key("expect").key(&key.text), "", fits));
                }
            }
        }
        for (at, _, fits) in misfits {
            let name = at.segments().last().map(|_| last_name(&at)).unwrap_or_default();
            let fits: Vec<String> = fits.iter().map(|key| format!("`{key}`")).collect();
            let message = format!("`{name}` belongs to {}", fits.join(" or "));
            let place = self.document.place(&at, Part::Key);
            let already = self.findings.iter().any(|finding| finding.primary.place == place);
            if !already {
                let finding = Finding::error("misplaced-field", message).at(place, "does not fit here");
                self.findings.push(finding.help("remove it, or change what it stands beside"));
            }
        }
    }

    // What the schema says about a place.

    fn subschema(&self, schema_path: &str) -> Option<&Value> {
        let mut at = self.schema;
        for part in schema_path.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part == "$ref" {
                let target = at.get("$ref")?.as_str()?.strip_prefix('#')?;
                at = self.schema.pointer(target)?;
            } else if let Ok(index) = part.parse::<usize>() {
                at = at.get(index).or_else(|| at.get(&part))?;
            } else {
                at = at.get(&part)?;
            }
        }
        Some(at)
    }

    fn parent_schema(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let path = error.schema_path().as_str();
        self.subschema(&path[..path.rfind('/')?])
    }

    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<String> {
        let properties = self.parent_schema(error).and_then(|schema| schema.get("properties")?.as_object());
        properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether a text must be of some form there, which quotes alone would not give it.
    fn has_pattern(&self, error: &ValidationError<'_>) -> bool {
        self.parent_schema(error).is_some_and(|schema| schema.get("pattern").is_some())
    }

    fn description_at(&self, error: &ValidationError<'_>) -> Option<String> {
        described(self.parent_schema(error)?)
    }

    fn description_of(&self, error: &ValidationError<'_>, property: &str) -> Option<String> {
        let property_schema = self.parent_schema(error)?.get("properties")?.get(property)?;
        Some(format!("add `{property}`: {}", described(property_schema)?))
    }
}

/// Whether a form of a value is of another type than the value itself.
fn is_of_wrong_type(errors: &[ValidationError<'_>], here: usize, node: &Node) -> bool {
    errors.iter().any(|error| {
        let at_value = error.instance_path().as_str().matches('/').count() == here;
        at_value
            && match error.kind() {
                Kind::Type { .. } => true,
                Kind::Constant { expected_value } => expected_value.is_string() && node.as_str().is_none(),
                Kind::AnyOf { context } => context.iter().all(|errors| is_of_wrong_type(errors, here, node)),
                _ => false,
            }
    })
}

/// Returns the word that a value should have been.
fn constant<'a>(error: &'a ValidationError<'_>) -> Option<&'a str> {
    match error.kind() {
        Kind::Constant { expected_value } => expected_value.as_str(),
        _ => None,
    }
}

struct Choice {
    keys: &'static [&'static str],
    /// What the keys are to the thing.
    what: &'static str,
    /// The thing.
    thing: &'static str,
}

static CHOICES: [Choice; 7] = [
    Choice { keys: &RawStep::ACTIONS, what: "action", thing: "a step" },
    Choice { keys: &ProbeKind::KEYS, what: "question", thing: "a probe" },
    Choice { keys: &Points::SCHEDULES, what: "schedule", thing: "`points`" },
    Choice { keys: &Job::STARTERS, what: "starter", thing: "a job" },
    Choice { keys: &Undo::WAYS, what: "way back", thing: "`undo`" },
    Choice { keys: &Secret::SOURCES, what: "source", thing: "a secret" },
    Choice { keys: &Notification::WAYS, what: "way to tell", thing: "a notification" },
];

fn described(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned())
}

fn last_name(path: &KeyPath) -> String {
    match path.segments().last() {
        Some(crate::document::Segment::Key(key)) => key.to_string(),
        Some(crate::document::Segment::Index(index)) => index.to_string(),
        None => String::new(),
    }
}

/// Returns what stands at a path, for people: "a step", or the path itself.
fn thing_at(path: &KeyPath) -> String {
    let text = path.to_string();
    let segments = path.segments().len();
    let section = text.split('.').next().unwrap_or_default();
    match (segments, section) {
        (0, _) => "a plan".to_owned(),
        (2, "steps" | "prepare" | "cleanup") => "a step".to_owned(),
        (2, "places") => "a place".to_owned(),
        (2, "assets") => "an asset".to_owned(),
        (2, "backups") => "a backup".to_owned(),
        (4, "backups") => "a copy".to_owned(),
        (2, "scenarios") => "a scenario".to_owned(),
        (2, "environments") => "an environment".to_owned(),
        (2, "people") => "a person".to_owned(),
        _ => format!("`{text}`"),
    }
}

fn expected_types(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "a text",
    };
    match kind {
        TypeKind::Single(kind) => word(*kind).to_owned(),
        TypeKind::Multiple(kinds) => kinds.iter().map(word).collect::<Vec<_>>().join(" or "),
    }
}

/// Returns a value for a message; long ones and ones with many parts are only named.
fn shown(node: &Node) -> String {
    match node.to_json() {
        Value::Array(_) | Value::Object(_) => node.what().to_owned(),
        Value::String(text) if text.chars().count() > 40 => "this text".to_owned(),
        Value::String(text) => format!("`{}`", text.escape_debug()),
        other => format!("`{other}`"),
    }
}

fn plural(count: u64, thing: &str) -> String {
    if count == 1 { format!("one {thing}") } else { format!("{count} {thing}s") }
}
