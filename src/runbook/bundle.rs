//! All runbooks in one HTML file that needs nothing else: no network, no JavaScript, no other file.
//!
//! The pages are Markdown, as the templates make them; this turns them into HTML. What a person wrote stays text.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;

const STYLE: &str = include_str!("bundle.css");

/// A page of the bundle.
#[derive(Clone, Debug)]
pub struct Page {
    /// The id of its plan.
    pub plan: String,
    /// Its name among the pages of the plan: that of its file, without the ending.
    pub name: String,
    /// What it is called in the table of contents.
    pub title: String,
    /// Its Markdown.
    pub markdown: String,
    /// The order of the steps as a text: a browser draws no diagram by itself.
    pub outline: String,
}

impl Page {
    fn anchor(&self) -> String {
        format!("{}--{}", self.plan, self.name)
    }
}

/// What is known at this moment of what a plan relies on.
#[derive(Clone, Debug, Serialize)]
pub struct StateView {
    /// The plan's title.
    pub title: String,
    /// The plan's file.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// When the bundle was made.
    pub made: String,
    /// When the backups were last looked at; null if nobody has recorded it.
    pub looked: Option<String>,
    /// What was seen of each copy.
    pub copies: Vec<CopyState>,
    /// What was found wrong, each with what it is about.
    pub problems: Vec<ProblemState>,
    /// The last good drill of each scenario.
    pub drills: Vec<DrillState>,
    /// The last runs, the newest first.
    pub runs: Vec<RunLine>,
}

/// What was seen of a copy.
#[derive(Clone, Debug, Serialize)]
pub struct CopyState {
    /// The copy.
    pub copy: String,
    /// Where it lies, in words.
    pub lies: String,
    /// When it was looked at.
    pub seen: String,
    /// The moment of its newest point.
    pub newest: String,
    /// The moment of its oldest point.
    pub oldest: String,
    /// How many points there are.
    pub count: String,
    /// How far the newest was looked into.
    pub integrity: String,
    /// How it stands, in one word.
    pub verdict: String,
    /// Where its newest point lies, if one was looked into.
    pub path: Option<String>,
}

/// What was found wrong.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemState {
    /// How bad it is.
    pub severity: String,
    /// What it is about.
    pub about: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
    /// When it was seen.
    pub seen: String,
}

/// When a scenario was last drilled.
#[derive(Clone, Debug, Serialize)]
pub struct DrillState {
    /// The scenario.
    pub scenario: String,
    /// When its last good drill was; null if there was none.
    pub on: Option<String>,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its id.
    pub run: String,
    /// What kind of run it was, and of what.
    pub what: String,
    /// When it began.
    pub began: String,
    /// How it ended.
    pub result: String,
}

/// Puts pages together; those of one plan stand one after the other.
pub fn bundle(made: &str, pages: &[Page]) -> String {
    let mut text = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    text.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Nothing is ever loaded, whatever stands in a plan.
    text.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    text.push_str(&format!("<title>Disaster recovery, {}</title>\n", escaped(made)));
    text.push_str(&format!("<style>\n{STYLE}</style>\n</head>\n<body>\n<header id=\"top\">\n"));
    text.push_str(&format!(
        "<h1>Disaster recovery</h1>\n<p>Made {}. What the plans say is as of then; so is what is known of the backups. \
         Keep it where it can be had when all else is gone, and print it.</p>\n</header>\n",
        escaped(made)
    ));
    text.push_str("<nav>\n<h2>Contents</h2>\n");
    for of_plan in pages.chunk_by(|a, b| a.plan == b.plan) {
        text.push_str("<ul>\n");
        for page in of_plan {
            text.push_str(&format!(
                "<li><a href=\"#{}\">{}</a></li>\n",
                escaped(&page.anchor()),
                escaped(&page.title)
            ));
        }
        text.push_str("</ul>\n");
    }
    text.push_str("</nav>\n");
    for page in pages {
        text.push_str(&format!("<section id=\"{}\">\n", escaped(&page.anchor())));
        html::push_html(&mut text, events(page).into_iter());
        text.push_str("<p class=\"back\"><a href=\"#top\">Contents</a></p>\n</section>\n");
    }
    text.push_str("</body>\n</html>\n");
    text
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    html::push_html(&mut safe, std::iter::once(Event::Text(text.into())));
    safe
}

/// Reads a page, and makes it one that stands alone: links lead inside of the bundle, HTML is text, pictures are their names.
fn events(page: &Page) -> Vec<Event<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let mut events = Vec::new();
    // Whether each link that is open leads somewhere, and a diagram is under way.
    let mut leads: Vec<bool> = Vec::new();
    let mut in_diagram = false;
    for event in Parser::new_ext(&page.markdown, options) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) if &*language == "mermaid" => {
                in_diagram = true;
                let text = format!("<pre class=\"outline\">{}</pre>\n", escaped(page.outline.trim_end()));
                events.push(Event::Html(text.into()));
            }
            Event::End(TagEnd::CodeBlock) if in_diagram => in_diagram = false,
            _ if in_diagram => {}
            // The end of an anchor that was written whole.
            Event::InlineHtml(text) if &*text == "</a>" && is_anchor(events.last()) => {}
            Event::Html(text) | Event::InlineHtml(text) => events.push(match step_of(&text) {
                Some(step) => {
                    Event::InlineHtml(format!("{ANCHOR}{}--{step}\"></a>", escaped(&page.anchor())).into())
                }
                None => Event::Text(text),
            }),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let to = destination(page, &dest_url);
                leads.push(to.is_some());
                if let Some(to) = to {
                    events.push(Event::Start(Tag::Link { link_type, dest_url: to, title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if leads.pop() == Some(true) {
                    events.push(Event::End(TagEnd::Link));
                }
            }
            // Of a picture its name is left.
            Event::Start(Tag::HtmlBlock | Tag::Image { .. })
            | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {}
            other => events.push(other),
        }
    }
    events
}

/// How an anchor begins.
const ANCHOR: &str = "<a id=\"";

fn is_anchor(event: Option<&Event<'_>>) -> bool {
    matches!(event, Some(Event::InlineHtml(text)) if text.starts_with(ANCHOR))
}

/// Returns the anchor that a piece of HTML is, if it is nothing else: the templates set one before each step.
fn step_of(html: &str) -> Option<&str> {
    let id = html.trim().strip_prefix(ANCHOR)?.strip_suffix("\">")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    Some(id).filter(|id| !id.is_empty() && id.chars().all(is_plain))
}

/// Returns where a link leads from inside of the bundle; nothing if it cannot lead anywhere from there.
fn destination<'a>(page: &Page, to: &CowStr<'a>) -> Option<CowStr<'a>> {
    if let Some(anchor) = to.strip_prefix('#') {
        return Some(format!("#{}--{anchor}", page.anchor()).into());
    }
    if let Some(name) = to.strip_suffix(".md").filter(|name| !name.contains(['/', ':'])) {
        return Some(format!("#{}--{name}", page.plan).into());
    }
    let is_safe = ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| to.starts_with(scheme));
    is_safe.then(|| to.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(markdown: &str) -> String {
        let page = Page {
            plan: "shop".to_owned(),
            name: "fire".to_owned(),
            title: "Fire".to_owned(),
            markdown: markdown.to_owned(),
            outline: "first <b>".to_owned(),
        };
        let mut text = String::new();
        html::push_html(&mut text, events(&page).into_iter());
        text
    }

    #[test]
    fn html_in_a_page_is_text() {
        let text =
            shown("a <img src=x onerror=alert(1)> b\n\n<script>alert(1)</script>\n\n![p](http://x/y.png)");
        assert!(!text.contains("<img") && !text.contains("<script") && !text.contains("y.png"), "{text}");
        assert!(text.contains("&lt;script&gt;"), "{text}");
    }

    #[test]
    fn links_lead_inside_or_nowhere() {
        let text = shown(
            "<a id=\"step-1\"></a>\n\n[one](#step-1) [page](flood.md) [bad](javascript:alert) [file](../x.md)",
        );
        assert!(text.contains("<a id=\"shop--fire--step-1\"></a></p>"), "{text}");
        assert!(
            text.contains("href=\"#shop--fire--step-1\"") && text.contains("href=\"#shop--flood\""),
            "{text}"
        );
        assert!(!text.contains("javascript") && !text.contains("x.md"), "{text}");
    }

    #[test]
    fn a_diagram_becomes_its_outline() {
        let text = shown("```mermaid\nflowchart TD\n```\n\nend");
        assert!(
            text.contains("first &lt;b&gt;") && !text.contains("flowchart") && text.contains("end"),
            "{text}"
        );
    }
}
