//! The JSON Schemas of the language, made from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{Job, Notification, Plan, Points, RawStep, Recipe, Secret, Undo};
use crate::probe::{Expect, ProbeKind};
use crate::value::schema_with;

/// Makes the JSON Schema of a plan (draft 2020-12).
pub fn plan_schema() -> Value {
    language_schema::<Plan>("plan", "A disaster-recovery plan")
}

/// Makes the JSON Schema of a recipe (draft 2020-12).
pub fn recipe_schema() -> Value {
    language_schema::<Recipe>("recipe", "A recipe")
}

fn language_schema<T: JsonSchema>(name: &str, title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(NoNull).with_transform(ExactlyOne);
    schema_with::<T>(settings, name, title)
}

/// `null` stands nowhere in a plan: an `Option` may be left out, not left empty.
#[derive(Clone)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
            branches.retain(|branch| branch != &json!({ "type": "null" }));
            if let [only] = branches.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                if let Value::Object(only) = only {
                    object.extend(only);
                }
            }
        }
        if object.get("default") == Some(&Value::Null) {
            object.remove("default");
        }
    }
}

/// Adds "exactly one of" to the mappings that are a choice, and what fits which choice.
#[derive(Clone)]
struct ExactlyOne;

impl Transform for ExactlyOne {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        let Some(Value::Object(properties)) = object.get("properties") else { return };
        let has = |keys: &[&str]| keys.iter().all(|key| properties.contains_key(*key));
        let one_of =
            |keys: &[&str]| -> Value { keys.iter().map(|key| json!({ "required": [key] })).collect() };
        let needs_one_of = |field: &str, keys: &[&str]| -> Value {
            json!({ "if": { "required": [field] }, "then": { "anyOf": one_of(keys) } })
        };
        if has(&RawStep::ACTIONS) {
            let fits = RawStep::ACTION_FIELDS.iter().map(|(field, keys)| needs_one_of(field, keys));
            // Of the fields of `expect`, a step with `http` takes those that a probe with `http` takes.
            let fits: Vec<Value> = fits.chain(expectations()).collect();
            object.insert("oneOf".into(), one_of(&RawStep::ACTIONS));
            object.insert("allOf".into(), fits.into());
        } else if has(&ProbeKind::KEYS) {
            let fits: Vec<Value> = expectations().chain([needs_one_of("with", &["use"])]).collect();
            object.insert("oneOf".into(), one_of(&ProbeKind::KEYS));
            object.insert("allOf".into(), fits.into());
        } else if has(&Points::SCHEDULES) {
            object.insert("oneOf".into(), one_of(&Points::SCHEDULES));
            object.insert("allOf".into(), json!([needs_one_of("timezone", &["cron"])]));
        } else if has(&Job::STARTERS) {
            object.insert("oneOf".into(), one_of(&Job::STARTERS));
            object.insert("allOf".into(), json!([needs_one_of("user", &["cron"])]));
        } else if has(&Undo::WAYS) {
            object.insert("oneOf".into(), one_of(&Undo::WAYS));
        } else if has(&Secret::SOURCES) {
            object.insert("oneOf".into(), one_of(&Secret::SOURCES));
        } else if has(&Notification::WAYS) {
            object.insert("oneOf".into(), one_of(&Notification::WAYS));
        }
    }
}

/// Returns the rules that say which field of `expect` fits which kind of probe.
fn expectations() -> impl Iterator<Item = Value> {
    Expect::FIELDS.into_iter().map(|expectation| {
        let fitting =
            ProbeKind::KEYS.into_iter().filter(|key| ProbeKind::expectations(key).contains(&expectation));
        let keys: Value = fitting.map(|key| json!({ "required": [key] })).collect();
        json!({
            "if": { "required": ["expect"], "properties": { "expect": { "required": [expectation] } } },
            "then": { "anyOf": keys },
        })
    })
}
