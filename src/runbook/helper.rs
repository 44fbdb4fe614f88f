//! Words that a template may use beside the fields of the view.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderErrorReason,
};

use super::markdown::{code, fenced, paragraphs};

/// `{{fence x}}`: a block of code. `x` is one of the view's fences.
struct FenceHelper;
/// `{{code x}}`: code within a line.
struct CodeHelper;
/// `{{text x}}`: a text of several lines, shown as it was written.
struct TextHelper;

fn first<'a>(helper: &'a Helper<'_>, name: &'static str) -> Result<&'a serde_json::Value, RenderErrorReason> {
    let param = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex(name, 0))?;
    if param.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(param.relative_path().cloned()));
    }
    Ok(param.value())
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

macro_rules! helper {
    ($type:ty, $name:literal, |$value:ident| $make:expr) => {
        impl HelperDef for $type {
            fn call<'reg: 'rc, 'rc>(
                &self,
                helper: &Helper<'rc>,
                _: &'reg Handlebars<'reg>,
                _: &'rc Context,
                _: &mut RenderContext<'reg, 'rc>,
                out: &mut dyn Output,
            ) -> HelperResult {
                let $value = first(helper, $name)?;
                out.write(&$make)?;
                Ok(())
            }
        }
    };
}

helper!(FenceHelper, "fence", |value| {
    let language = value.get("language").map(plain).unwrap_or_default();
    fenced(&language, &value.get("text").map_or_else(|| plain(value), plain))
});
helper!(CodeHelper, "code", |value| code(&plain(value)));
helper!(TextHelper, "text", |value| paragraphs(&plain(value)));

/// Makes the words known.
pub(super) fn register(engine: &mut Handlebars<'_>) {
    engine.register_helper("fence", Box::new(FenceHelper));
    engine.register_helper("code", Box::new(CodeHelper));
    engine.register_helper("text", Box::new(TextHelper));
}
