//! A route as a Mermaid flowchart, which forges draw.

use super::{Outline, is_stranded, item_title};
use crate::resolve::{NodeKind, ResolvedPlan, Route};

/// Draws a route as a flowchart. No text of the plan can break out of its label, nor out of a fence around the drawing.
pub fn mermaid(plan: &ResolvedPlan, route: &Route, outline: &Outline) -> String {
    let mut drawing = String::from("flowchart TD\n");
    let nearest = outline.nearest();
    let mut critical = Vec::new();
    let mut stranded = Vec::new();
    for (at, item) in outline.items.iter().enumerate() {
        let name = format!("n{}", at + 1);
        let title = escaped(&item_title(plan, route, item));
        let time = match (item.time.estimate, route.nodes[item.node].kind) {
            (Some(_), NodeKind::Step(_)) => {
                format!("<br/>{}", item.time.end.saturating_sub(item.time.start))
            }
            (None, NodeKind::Step(_)) => "<br/>time unknown".to_owned(),
            (_, NodeKind::Health(_)) if is_stranded(route, item) => "<br/>nothing brings it back".to_owned(),
            (_, NodeKind::Health(_)) => format!("<br/>after {}", item.time.end),
        };
        // Not `1. `: Mermaid would take that for a list of Markdown, and refuse it.
        let label = format!("{}: {title}{time}", at + 1);
        let (open, close) = match route.nodes[item.node].kind {
            NodeKind::Step(_) => ("[\"", "\"]"),
            NodeKind::Health(_) => ("([\"", "\"])"),
        };
        drawing.push_str(&format!("  {name}{open}{label}{close}\n"));
        for before in &nearest[at] {
            let why = item.after.iter().find(|(other, _)| other == before).map(|(_, why)| why.as_str());
            let place = why.and_then(|why| why.strip_prefix("provides ")?.split(',').next());
            let label = place.map(|place| format!("|\"{}\"|", escaped(place))).unwrap_or_default();
            drawing.push_str(&format!("  n{} -->{label} {name}\n", before + 1));
        }
        if item.time.critical {
            critical.push(name.clone());
        }
        if is_stranded(route, item) {
            stranded.push(name);
        }
    }
    for (class, style, names) in [
        ("critical", "stroke:#c00,stroke-width:3px", critical),
        ("stranded", "stroke:#c00,stroke-dasharray:5", stranded),
    ] {
        if !names.is_empty() {
            drawing.push_str(&format!("  classDef {class} {style}\n  class {} {class}\n", names.join(",")));
        }
    }
    drawing
}

/// Writes everything that Mermaid, HTML or Markdown could take for its own as a character code.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " -_.,:/()+=@'!?".contains(c) {
            safe.push(c);
        } else if crate::value::steers(c) {
            safe.push(' ');
        } else {
            safe.push_str(&format!("#{};", u32::from(c)));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_label() {
        let safe = escaped("a\"] --> b %%{init}%% `x` <script> #35; | ;\nend ```");
        for bad in ["\"", "]", ">", "<", "%", "{", "`", "|", "\n"] {
            assert!(!safe.contains(bad), "{bad}: {safe}");
        }
        assert_eq!(escaped("Größe (1)"), "Größe (1)");
        assert_eq!(escaped("#"), "#35;");
    }
}
