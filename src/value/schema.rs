//! JSON Schemas of what is read and written, made from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// Makes the JSON Schema of a type (draft 2020-12); `name` is the file's, such as `report`.
pub fn schema_of<T: JsonSchema>(name: &str, title: &str) -> Value {
    schema_with::<T>(SchemaSettings::draft2020_12(), name, title)
}

/// Makes the JSON Schema of a type with settings of its own.
pub(crate) fn schema_with<T: JsonSchema>(settings: SchemaSettings, name: &str, title: &str) -> Value {
    let mut schema = settings.with_transform(NoNumberFormats).into_generator().into_root_schema_for::<T>();
    schema.insert("$id".into(), format!("https://drplan.dev/schema/{name}.schema.json").into());
    schema.insert("title".into(), title.into());
    schema.to_value()
}

/// `format: uint32` and the like are schemars' own, and strict validators refuse them.
#[derive(Clone)]
struct NoNumberFormats;

impl Transform for NoNumberFormats {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        let is_number_format = |format: &str| format.starts_with(['u', 'i']) && format != "uri";
        if object.get("format").and_then(Value::as_str).is_some_and(is_number_format) {
            object.remove("format");
        }
    }
}
