//! Events of the YAML parser to a tree. The one file that knows the parser.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span as ParserSpan, StructureStyle, options};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::allow;
use super::scalar::{Resolved, resolve};
use super::{Allow, Key, Kind, Node, Span};

/// How much of everything is too much.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a text.
    pub bytes: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Values that aliases add up to.
    pub alias_nodes: usize,
    /// Problems of one text.
    pub issues: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 100 << 20, depth: 64, alias_nodes: 100_000, issues: 1_000 }
    }
}

/// Something that is wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// A name for it.
    pub code: &'static str,
    /// Whether it is only a warning.
    pub is_warning: bool,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Another place that belongs to it, and what it is.
    pub other: Option<(Span, &'static str)>,
    /// What to do.
    pub help: Option<String>,
    /// What to write instead, where only one thing can be meant.
    pub replacement: Option<String>,
}

/// A tree, and what was wrong in the text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree; none if the text is not YAML.
    pub root: Option<Node>,
    /// Comments that allow what rules would find.
    pub allows: Vec<Allow>,
    /// What is wrong.
    pub issues: Vec<Issue>,
}

/// Parses a text. Nothing that it holds makes this panic, hang or eat memory.
pub fn parse(text: &str, limits: &Limits) -> Parsed {
    let mut builder = Builder::new(text, limits);
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes; the limit is {}", text.len(), limits.bytes);
        builder.report("yaml-too-large", message, Span::default());
        return builder.finish(false);
    }
    let options: Options = options! {
        emit_comments: true,
        emit_unresolved_aliases: true,
        strict_indentation: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span_of(&span)),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                builder.report_syntax(&error.info(), at);
                Err(Stop)
            }
        };
        if outcome.is_err() || builder.issues.len() >= limits.issues {
            return builder.finish(false);
        }
    }
    builder.finish(true)
}

/// The rest of the text cannot be understood.
struct Stop;

/// A list or mapping that has begun; `first` is where what it holds begins in [`Builder::items`] or [`Builder::entries`].
///
/// `seen` finds the entries of a large mapping by their keys; it holds where they stand in [`Builder::entries`].
enum Frame {
    Seq {
        first: usize,
        start: u32,
        is_flow: bool,
        anchor: usize,
    },
    Map {
        first: usize,
        key: Option<Key>,
        start: u32,
        is_flow: bool,
        anchor: usize,
        seen: Option<Box<HashTable<usize>>>,
    },
}

struct Builder<'a> {
    text: &'a str,
    limits: &'a Limits,
    stack: Vec<Frame>,
    /// What the lists that have begun hold so far, the innermost last: each takes its own out when it ends, and none grows
    /// by itself.
    items: Vec<Node>,
    /// What the mappings that have begun hold so far.
    entries: Vec<(Key, Node)>,
    anchors: HashMap<usize, (Node, usize)>,
    /// Every key so far: thousands of steps have the same few.
    keys: HashSet<Arc<str>, ahash::RandomState>,
    alias_nodes: usize,
    documents: usize,
    root: Option<Node>,
    allows: Vec<Allow>,
    issues: Vec<Issue>,
}

/// Above this size, a mapping keeps its keys in a table to find duplicates.
const SMALL_MAP: usize = 16;

/// Bytes of text for each entry that mappings may hold while they have not ended. Room that is not needed is never touched; a list
/// that grows is copied, and leaves behind what it was.
const BYTES_OF_ENTRY: usize = 32;

/// Room for more entries than this is not made in advance.
const MOST_ROOM: usize = 1 << 18;

impl<'a> Builder<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self {
            text,
            limits,
            stack: Vec::new(),
            items: Vec::new(),
            entries: Vec::with_capacity((text.len() / BYTES_OF_ENTRY).min(MOST_ROOM)),
            anchors: HashMap::new(),
            keys: HashSet::default(),
            alias_nodes: 0,
            documents: 0,
            root: None,
            allows: Vec::new(),
            issues: Vec::new(),
        }
    }

    fn report(&mut self, code: &'static str, message: impl Into<String>, span: Span) -> &mut Issue {
        let issue = Issue {
            code,
            is_warning: false,
            message: message.into(),
            span,
            other: None,
            help: None,
            replacement: None,
        };
        self.issues.push(issue);
        let last = self.issues.len() - 1;
        &mut self.issues[last]
    }

    fn finish(mut self, is_whole: bool) -> Parsed {
        let holds_nothing = self.root.as_ref().is_none_or(|root| root.kind == Kind::Null);
        if is_whole && holds_nothing && self.issues.is_empty() {
            let issue = self.report("yaml-empty", "the file holds nothing", Span::default());
            issue.help = Some("a plan begins with `version: 1` and `plan: <its id>`".to_owned());
            self.root = None;
        }
        let root = self.root.filter(|_| is_whole);
        Parsed { root, allows: self.allows, issues: self.issues }
    }

    fn report_syntax(&mut self, info: &str, offset: usize) {
        let offset = self.char_boundary(offset);
        let end = self.text[offset..].chars().next().map_or(offset, |c| offset + c.len_utf8());
        let span = Span { start: to_u32(offset), end: to_u32(end) };
        let line_start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let indentation: &str = {
            let line = &self.text[line_start..];
            &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
        };
        if let Some(tab) = indentation.find('\t') {
            let at = to_u32(line_start + tab);
            let issue = self.report("yaml-tab", "a tab cannot indent YAML", Span { start: at, end: at + 1 });
            issue.help = Some("replace it by spaces".to_owned());
        } else if info.contains("nesting") || info.contains("recursion") || info.contains("depth") {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            self.report("yaml-too-deep", message, span);
        } else {
            self.report("yaml-syntax", format!("this is not YAML: {info}"), span);
        }
    }

    fn char_boundary(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        (0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Comment(..) => {
                self.allows.extend(allow::read(self.text, span));
                Ok(())
            }
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let issue = self.report("yaml-two-documents", "a second document begins here", span);
                    issue.help =
                        Some("a plan is one YAML document; put the other into a file of its own".into());
                    return Err(Stop);
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text_tag = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                if let Some(tag) = tag.as_ref().filter(|_| !is_text_tag) {
                    let issue = self.report("yaml-tag", format!("the tag `{tag}` is not supported"), span);
                    issue.help = Some("leave it out; quote the value if it is a text".to_owned());
                }
                let is_plain = style == ScalarStyle::Plain;
                if self.wants_key() {
                    self.take_key(&text, span, is_plain);
                    return Ok(());
                }
                let kind = if is_plain && !is_text_tag {
                    self.resolve_plain(&text, span)
                } else {
                    Kind::Str(text.as_ref().into())
                };
                self.place(Node { kind, span }, anchor);
                Ok(())
            }
            Event::SequenceStart(style, anchor, tag) => {
                let is_flow = style == StructureStyle::Flow;
                self.open(span, tag.map(|tag| tag.to_string()), "a list")?;
                let first = self.items.len();
                self.stack.push(Frame::Seq { first, start: span.start, is_flow, anchor });
                Ok(())
            }
            Event::MappingStart(style, anchor, tag) => {
                let is_flow = style == StructureStyle::Flow;
                self.open(span, tag.map(|tag| tag.to_string()), "a mapping")?;
                let first = self.entries.len();
                self.stack.push(Frame::Map {
                    first,
                    key: None,
                    start: span.start,
                    is_flow,
                    anchor,
                    seen: None,
                });
                Ok(())
            }
            Event::SequenceEnd => {
                let Some(Frame::Seq { first, start, is_flow, anchor }) = self.stack.pop() else {
                    return Err(Stop);
                };
                let items = self.items.split_off(first);
                // The parser's end of a block runs on to the next token.
                let end =
                    if is_flow { span.end } else { items.last().map_or(span.start, |item| item.span.end) };
                self.place(Node { kind: Kind::Seq(items), span: Span { start, end } }, anchor);
                Ok(())
            }
            Event::MappingEnd => {
                let Some(Frame::Map { first, start, is_flow, anchor, .. }) = self.stack.pop() else {
                    return Err(Stop);
                };
                let entries = self.entries.split_off(first);
                let last = entries.last().map_or(span.start, |(key, value)| value.span.end.max(key.span.end));
                let end = if is_flow { span.end } else { last };
                self.place(Node { kind: Kind::Map(entries), span: Span { start, end } }, anchor);
                Ok(())
            }
            Event::Alias(id) => self.take_alias(id, span),
            Event::UnresolvedAlias(name) => {
                let issue = self.report("yaml-unknown-anchor", format!("there is no anchor `&{name}`"), span);
                issue.help = Some(format!("write `&{name}` before the value that is meant"));
                if self.wants_key() {
                    return Err(Stop);
                }
                self.place(Node { kind: Kind::Null, span }, 0);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Map { key: None, .. }))
    }

    /// Checks that a list or mapping may begin here.
    fn open(&mut self, span: Span, tag: Option<String>, what: &str) -> Result<(), Stop> {
        if let Some(tag) = tag {
            let issue = self.report("yaml-tag", format!("the tag `{tag}` is not supported"), span);
            issue.help = Some("leave it out".to_owned());
        }
        if self.wants_key() {
            self.report("yaml-complex-key", format!("{what} cannot be a key"), head_of(self.text, span));
            return Err(Stop);
        }
        if self.stack.len() >= self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            self.report("yaml-too-deep", message, head_of(self.text, span));
            return Err(Stop);
        }
        Ok(())
    }

    fn take_key(&mut self, text: &str, span: Span, is_plain: bool) {
        if is_plain && text == "<<" {
            let issue = self.report("yaml-merge-key", "merge keys (`<<`) are not part of YAML 1.2", span);
            issue.help = Some("write the keys out".to_owned());
        }
        let own = self.keys.get(text).cloned().unwrap_or_else(|| {
            let own: Arc<str> = text.into();
            self.keys.insert(Arc::clone(&own));
            own
        });
        let Some(Frame::Map { first, key, seen, .. }) = self.stack.last_mut() else { return };
        let (all, first) = (&self.entries, *first);
        // Equal keys are one text.
        let before = if all.len() - first < SMALL_MAP {
            all[first..].iter().find(|(key, _)| Arc::ptr_eq(&key.text, &own)).map(|(key, _)| key.span)
        } else {
            let hash = |text: &Arc<str>| self.keys.hasher().hash_one(Arc::as_ptr(text).cast::<u8>());
            let hash_at = |at: &usize| hash(&all[*at].0.text);
            let seen = seen.get_or_insert_with(|| {
                let mut seen = HashTable::new();
                (first..all.len()).for_each(|at| _ = seen.insert_unique(hash_at(&at), at, hash_at));
                Box::new(seen)
            });
            match seen.entry(hash(&own), |at| Arc::ptr_eq(&all[*at].0.text, &own), hash_at) {
                Entry::Occupied(before) => Some(all[*before.get()].0.span),
                Entry::Vacant(free) => {
                    free.insert(all.len());
                    None
                }
            }
        };
        *key = Some(Key { text: own, span });
        if let Some(first) = before {
            let issue = self.report("duplicate-key", format!("`{text}` is given twice"), span);
            issue.other = Some((first, "first given here"));
            issue.help = Some("remove one of the two, or give it another name".to_owned());
        }
    }

    fn resolve_plain(&mut self, text: &str, span: Span) -> Kind {
        let Resolved { kind, ambiguous } = resolve(text);
        if let Some(ambiguous) = ambiguous {
            // Quotes around a text keep it what it is here, and make it that for all others.
            let stands_alone = self.text.get(span.start as usize..span.end as usize) == Some(text);
            let replacement = (stands_alone && matches!(kind, Kind::Str(_))).then(|| format!("\"{text}\""));
            let issue = self.report("yaml-ambiguous", ambiguous.message, span);
            issue.is_warning = true;
            issue.help = Some(ambiguous.help);
            issue.replacement = replacement;
        }
        kind
    }

    fn take_alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        if self.wants_key() {
            self.report("yaml-complex-key", "an alias cannot be a key", span);
            return Err(Stop);
        }
        let Some((node, size)) = self.anchors.get(&id) else {
            self.report("yaml-recursive-alias", "an alias stands inside what it stands for", span);
            return Err(Stop);
        };
        self.alias_nodes += size;
        if self.alias_nodes > self.limits.alias_nodes {
            let message = format!("aliases make more than {} values of this file", self.limits.alias_nodes);
            self.report("yaml-alias-budget", message, span);
            return Err(Stop);
        }
        let mut node = node.clone();
        node.span = span;
        self.place(node, 0);
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            // An anchor inside another one could otherwise be copied again and again.
            let size = count(&node);
            if size <= self.limits.alias_nodes {
                self.anchors.insert(anchor, (node.clone(), size));
            }
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Seq { .. }) => self.items.push(node),
            Some(Frame::Map { key, .. }) => {
                if let Some(key) = key.take() {
                    self.entries.push((key, node));
                }
            }
        }
    }
}

fn count(node: &Node) -> usize {
    1 + node.items().iter().map(count).sum::<usize>()
        + node.entries().iter().map(|(_, value)| count(value)).sum::<usize>()
}

/// Returns the first line of a stretch.
fn head_of(text: &str, span: Span) -> Span {
    let stretch = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let head = stretch.lines().next().unwrap_or_default().trim_end();
    Span { start: span.start, end: span.start + to_u32(head.len()) }
}

fn span_of(span: &ParserSpan) -> Span {
    let range = span.byte_range().unwrap_or(0..0);
    Span { start: to_u32(range.start), end: to_u32(range.end) }
}

fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes(text: &str) -> Vec<&'static str> {
        parse(text, &Limits::default()).issues.into_iter().map(|issue| issue.code).collect()
    }

    #[test]
    fn every_bad_text_has_its_own_word() {
        let deep = |piece: &str| piece.repeat(50_000);
        let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
            + &('b'..'l').zip('a'..).fold(String::new(), |text, (name, before)| {
                text + &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", "))
            });
        for (text, code) in [
            ("", "yaml-empty"),
            ("# only a comment\n", "yaml-empty"),
            ("a: 1\n---\nb: 2\n", "yaml-two-documents"),
            ("a:\n\tb: 1\n", "yaml-tab"),
            ("a: 1\na: 2\n", "duplicate-key"),
            ("a: [1\n", "yaml-syntax"),
            ("a: *nobody\n", "yaml-unknown-anchor"),
            ("a: &a [*a]\n", "yaml-recursive-alias"),
            ("<<: {a: 1}\n", "yaml-merge-key"),
            ("a: !!int \"7\"\n", "yaml-tag"),
            ("? [a]\n: b\n", "yaml-complex-key"),
            (&bomb, "yaml-alias-budget"),
            (&deep("["), "yaml-too-deep"),
            (&deep("- "), "yaml-too-deep"),
            (&deep("{a: "), "yaml-too-deep"),
        ] {
            let found = codes(text);
            assert!(found.contains(&code), "{text:.40}: {found:?}");
        }
        assert!(!codes(&deep("? ")).is_empty());
    }

    #[test]
    fn duplicates_are_found_in_large_mappings_too() {
        let text = (0..100).fold(String::new(), |text, at| text + &format!("k{at}: 1\n"));
        assert_eq!(codes(&text), Vec::<&str>::new());
        assert_eq!(codes(&(text + "k50: 2\n")), ["duplicate-key"]);
    }

    #[test]
    fn what_older_readers_misread_is_warned_of_but_keys_are_not() {
        assert_eq!(codes("a: no\nb: 017\nc: 12:30\n"), ["yaml-ambiguous"; 3]);
        assert_eq!(codes("on: home\nids: [\"no\", 'on']\n"), Vec::<&str>::new());
    }

    #[test]
    fn spans_fit_the_text_with_its_mark_and_line_ends() {
        let text = "\u{feff}a:\r\n  b: wörld\r\n";
        let parsed = parse(text, &Limits::default());
        let value = parsed.root.as_ref().and_then(|root| root.get("a")?.get("b")).unwrap();
        assert_eq!(&text[value.span.start as usize..value.span.end as usize], "wörld");
    }

    #[test]
    fn comments_allow_in_their_line_or_the_next() {
        let text = "# drplan: allow[rule-a, rule-b]\n\n# more\na: 1\nb: 2 # drplan: allow[rule-c]\nc: '# drplan: allow[x]'\n";
        let allows = parse(text, &Limits::default()).allows;
        let seen: Vec<(Vec<&str>, usize)> = allows
            .iter()
            .map(|allow| (allow.rules.iter().map(|(rule, _)| rule.as_str()).collect(), allow.line))
            .collect();
        assert_eq!(seen, [(vec!["rule-a", "rule-b"], 3), (vec!["rule-c"], 4)]);
        let (name, span) = &allows[0].rules[1];
        assert_eq!(&text[span.start as usize..span.end as usize], name);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_and_spans_lie_between_letters(
            cuts in proptest::collection::vec((0..400usize, "[\\PC\n\t:\\-\\[{&*#]{0,4}"), 0..6)
        ) {
            let mut text = "version: 1\nplan: ä\nsteps: &s\n  a: {run: [x, 'y'], needs: [b]} # c\n  b:\n    run: |\n      echo\n    takes: 5m\nx: *s\n".to_owned();
            for (at, insert) in cuts {
                let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                text.insert_str(at, &insert);
            }
            let parsed = parse(&text, &Limits::default());
            for issue in &parsed.issues {
                prop_assert!(text.get(issue.span.start as usize..issue.span.end as usize).is_some(), "{issue:?}");
            }
        }
    }
}
