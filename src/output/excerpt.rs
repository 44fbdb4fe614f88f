//! The lines that a finding is about, cut out of their files and made fit to be shown.
//!
//! A finding may be about several files, lines may hold anything and be of any length. So its lines are copied
//! into one small text, with whatever cannot be seen escaped and with the middle of long lines left out, and
//! its places are moved along. What draws the finding then never touches the files, however large they are.

use std::ops::Range;

use super::visible;
use crate::document::{Source, SourceId, Sources};
use crate::finding::{Finding, Label};

/// Lines shown before and after each place.
pub(super) const CONTEXT: usize = 1;

/// How lines are cut that are too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// The bytes of a line that are shown.
    pub(super) room: usize,
    /// What stands for what is left out.
    pub(super) gap: &'static str,
}

/// The lines that a finding is about.
#[derive(Debug)]
pub(super) struct Excerpt {
    /// The lines, each with a line break.
    pub(super) text: String,
    /// The places, the primary one first.
    pub(super) marks: Vec<Mark>,
    lines: Vec<Line>,
}

/// A place, moved to the excerpt.
#[derive(Debug)]
pub(super) struct Mark {
    /// Where it is in the excerpt's text.
    pub(super) range: Range<usize>,
    /// What is to be said there.
    pub(super) text: String,
    /// Its column in the file, counted from 0.
    column: usize,
}

/// Some lines of an excerpt that follow on each other in one file.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Their file.
    pub(super) source: SourceId,
    /// The number of the first, counted from 0.
    pub(super) line: usize,
    /// How many they are.
    pub(super) lines: usize,
    /// The column of the place that was asked for if no context was; else 0.
    pub(super) column: usize,
    /// Where they are in the excerpt's text.
    pub(super) range: Range<usize>,
}

/// A line of the excerpt.
#[derive(Debug)]
struct Line {
    source: SourceId,
    number: usize,
    start: usize,
}

/// A place in a file, its first line only.
#[derive(Clone, Debug)]
struct Spot {
    source: SourceId,
    line: usize,
    range: Range<usize>,
}

impl Excerpt {
    /// Cuts the lines out.
    pub(super) fn new(finding: &Finding, sources: &Sources, cut: Cut) -> Self {
        let labels = || std::iter::once(&finding.primary).chain(&finding.related);
        let spots: Vec<Spot> = labels().map(|label| Spot::new(label, sources)).collect();
        let marks = labels()
            .zip(&spots)
            .map(|(label, spot)| Mark {
                range: 0..0,
                text: visible::line(&label.text).into_owned(),
                column: column(sources.get(spot.source), spot.range.start),
            })
            .collect();
        let mut excerpt = Self { text: String::new(), marks, lines: Vec::new() };
        for (id, number) in wanted(&spots, sources) {
            excerpt.push(id, number, sources.get(id), &spots, cut);
        }
        excerpt
    }

    /// Returns the lines around a range, or nothing if it does not lie in lines that follow on each other.
    pub(super) fn around(&self, range: Range<usize>, context: usize) -> Option<Stretch> {
        if range.end > self.text.len() {
            return None;
        }
        let index_of = |at| self.lines.partition_point(|line| line.start <= at).checked_sub(1);
        let mut first = index_of(range.start)?;
        let mut last = index_of(range.end.saturating_sub(1).max(range.start))?;
        if !(first..last).all(|at| self.is_followed(at)) {
            return None;
        }
        for _ in 0..context {
            first -= usize::from(first > 0 && self.is_followed(first - 1));
            last += usize::from(self.is_followed(last));
        }
        let end = self.lines.get(last + 1).map_or(self.text.len(), |line| line.start);
        let line = &self.lines[first];
        let mark = self.marks.iter().find(|mark| context == 0 && mark.range.start == range.start);
        Some(Stretch {
            source: line.source,
            line: line.number,
            lines: last - first + 1,
            column: mark.map_or(0, |mark| mark.column),
            range: line.start..end,
        })
    }

    /// Whether the line after this one is also the next one in the file.
    fn is_followed(&self, at: usize) -> bool {
        let (Some(this), Some(next)) = (self.lines.get(at), self.lines.get(at + 1)) else { return false };
        (next.source, next.number) == (this.source, this.number + 1)
    }

    /// Adds a line and moves the places in it.
    fn push(&mut self, id: SourceId, number: usize, source: &Source, spots: &[Spot], cut: Cut) {
        let start = self.text.len();
        self.lines.push(Line { source: id, number, start });
        let text = source.text();
        let whole = line_range(source, number);
        let here = |spot: &Spot| (spot.source, spot.line) == (id, number);
        let inside: Vec<&Spot> = spots.iter().filter(|spot| here(spot)).collect();

        // Where each character went: its byte in the file, and its byte here.
        let mut moves = Vec::new();
        let mut done = whole.start;
        for kept in kept(&text, &whole, &inside, cut.room) {
            if done < kept.start {
                self.text.push_str(cut.gap);
            }
            done = kept.end;
            for (at, c) in text[kept.clone()].char_indices() {
                moves.push((kept.start + at, self.text.len()));
                // Tabs are drawn as what they are.
                if c == '\t' { self.text.push(c) } else { visible::push(&mut self.text, c) }
            }
            moves.push((kept.end, self.text.len()));
        }
        if done < whole.end {
            self.text.push_str(cut.gap);
            moves.push((whole.end, self.text.len()));
        }
        let end = self.text.len();
        self.text.push('\n');

        // What was left out went to the end of the gap that stands for it.
        let place_of =
            |byte| moves.get(moves.partition_point(|(from, _)| *from < byte)).map_or(end, |(_, to)| *to);
        for (mark, spot) in self.marks.iter_mut().zip(spots).filter(|(_, spot)| here(spot)) {
            mark.range = place_of(spot.range.start)..place_of(spot.range.end);
        }
    }
}

impl Spot {
    fn new(label: &Label, sources: &Sources) -> Self {
        let place = label.place;
        let source = sources.get(place.source);
        let text = source.text();
        let line = source.line_of(place.span.start);
        let whole = line_range(source, line);
        let start = text.floor_char_boundary((place.span.start as usize).min(whole.end));
        let end = text.ceil_char_boundary((place.span.end as usize).clamp(start, whole.end));
        // Under a block, the room after its first line means nothing.
        let is_cut = place.span.end as usize > whole.end;
        let length = if is_cut { text[start..end].trim_end().len() } else { end - start };
        Self { source: place.source, line, range: start..start + length }
    }
}

/// Returns where a line is, without its line break.
fn line_range(source: &Source, line: usize) -> Range<usize> {
    let start = source.line_start(line);
    let text = source.text();
    let text = &text[start..source.line_start(line + 1)];
    let text = text.strip_suffix('\n').unwrap_or(text);
    start..start + text.strip_suffix('\r').unwrap_or(text).len()
}

/// Returns the column of a byte in characters, counted from 0.
fn column(source: &Source, byte: usize) -> usize {
    source.line_column(u32::try_from(byte).unwrap_or(u32::MAX)).1 - 1
}

/// Returns the lines to show: those around the primary place first, then the rest of its file, then the others.
fn wanted(spots: &[Spot], sources: &Sources) -> Vec<(SourceId, usize)> {
    let mut lines: Vec<(SourceId, usize)> = Vec::new();
    for spot in spots {
        let source = sources.get(spot.source);
        let is_there = |line: usize| line < source.lines() && source.line_start(line) < source.text().len();
        let around = spot.line.saturating_sub(CONTEXT)..=spot.line + CONTEXT;
        lines.extend(
            around.filter(|line| *line == spot.line || is_there(*line)).map(|line| (spot.source, line)),
        );
    }
    lines.sort_unstable();
    lines.dedup();
    let Some(primary) = spots.first() else { return lines };
    let mut stretches: Vec<&[(SourceId, usize)]> =
        lines.chunk_by(|left, right| left.0 == right.0 && left.1 + 1 == right.1).collect();
    stretches.sort_by_key(|stretch| {
        (!stretch.contains(&(primary.source, primary.line)), stretch[0].0 != primary.source)
    });
    stretches.concat()
}

/// Returns what is kept of a line: all of it, or some room around each place in it.
fn kept(text: &str, line: &Range<usize>, spots: &[&Spot], room: usize) -> Vec<Range<usize>> {
    if line.len() <= room {
        return vec![line.clone()];
    }
    let room = (room / spots.len().max(1)).max(20);
    let around = |start: usize, end: usize| {
        let shown = (end - start).min(room);
        let before = start.saturating_sub((room - shown) / 2).max(line.start);
        let after = (before + room).min(line.end);
        let before = after.saturating_sub(room).max(line.start);
        text.floor_char_boundary(before)..text.ceil_char_boundary(after)
    };
    let mut all: Vec<Range<usize>> = match spots {
        [] => vec![around(line.start, line.start)],
        _ => spots.iter().map(|spot| around(spot.range.start, spot.range.end)).collect(),
    };
    all.sort_unstable_by_key(|range| range.start);
    let mut kept: Vec<Range<usize>> = Vec::new();
    for range in all {
        match kept.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => kept.push(range),
        }
    }
    kept
}
