//! Probes as a person asks them.

use std::sync::Arc;

use super::setting::Setting;
use super::shell::{expanded, expectation, probe as probe_command};
use super::{CheckView, Fence};
use crate::probe::{Probe, ProbeKind};
use crate::value::{Id, OneOrMany, Scalar, Text};

impl Setting<'_> {
    /// Writes probes that belong to something at a place.
    pub(super) fn checks(&self, probes: &[Arc<Probe>], place: Option<&Id>) -> Vec<CheckView> {
        probes.iter().map(|probe| self.check(probe, place)).collect()
    }

    /// Writes a probe that belongs to something at a place.
    pub(super) fn check(&self, probe: &Probe, place: Option<&Id>) -> CheckView {
        let plan = self.material.plan;
        let own = match (&probe.on, &probe.kind) {
            (Some(on), _) if on.as_str() == "home" => place,
            (Some(on), _) if on.as_str() == "controller" => None,
            (Some(on), _) => Some(on),
            (None, ProbeKind::Http(_) | ProbeKind::Tcp(_)) => None,
            (None, _) => place,
        };
        let on = (self.login(own) != self.login(place)).then(|| match (own, self.login(own)) {
            (Some(own), Some(login)) => format!("{own}, reached by {login}"),
            _ => "your own machine".to_owned(),
        });
        let shell = plan.shell.as_deref();
        if let ProbeKind::Use(name, with) = &probe.kind {
            return self.recipe_check(name, with, on, shell);
        }
        // Elsewhere nothing is set yet.
        let variables = on.is_some().then(|| {
            let lines: Vec<String> = self
                .variables(None, own)
                .iter()
                .map(|(name, value)| super::shell::export(name, value))
                .collect();
            Fence::bash(lines.join("\n"))
        });
        CheckView {
            expected: expectation(probe),
            on,
            variables,
            command: probe_command(probe, shell).map(Fence::bash),
        }
    }

    fn recipe_check(
        &self,
        name: &Id,
        with: &crate::value::Table<crate::value::Field, OneOrMany<Scalar>>,
        on: Option<String>,
        shell: Option<&[String]>,
    ) -> CheckView {
        let recipe = self.material.recipes.get(name.as_str()).map(|(_, recipe)| recipe);
        let probe = recipe.and_then(|recipe| recipe.probe.as_ref());
        let mut lines = Vec::new();
        for (field, input) in recipe.into_iter().flat_map(|recipe| recipe.inputs.iter()) {
            let value = with.get(field).or(input.default.as_ref());
            let text: Vec<&str> =
                value.into_iter().flat_map(|value| value.iter()).map(Scalar::as_str).collect();
            let name = format!("INPUT_{}", field.as_str().to_ascii_uppercase());
            lines.push(format!("export {name}={}", expanded(&Text::new(text.join("\n")))));
        }
        let title = recipe.map_or_else(|| name.to_string(), |recipe| recipe.title.clone());
        let expected = probe.map(expectation).filter(|words| !words.is_empty());
        CheckView {
            expected: expected.map_or_else(|| title.clone(), |words| format!("{title}: {words}")),
            on,
            variables: (!lines.is_empty()).then(|| Fence::bash(lines.join("\n"))),
            command: probe.and_then(|probe| probe_command(probe, shell)).map(Fence::bash),
        }
    }
}
