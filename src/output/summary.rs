//! Where the promises stand: one table for all plans.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Paint};

use super::Style;
use crate::analysis::{Standing, Verdict};
use crate::value::{Id, Length, plain};

const HEAD: [&str; 8] = [
    "plan",
    "scenario",
    "asset",
    "is",
    "restored from",
    "lost at worst / RPO",
    "back after / RTO",
    "promises",
];
/// The columns with names, which may be cut; numbers may not.
const NAMES: [usize; 4] = [0, 1, 2, 4];
/// No column is cut to less than this.
const LEAST: usize = 8;

/// Writes the table, and how many promises are kept.
pub(super) fn write(standings: &[Standing], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    if standings.is_empty() {
        return writeln!(out, "no scenario hits any asset, so that nothing is promised");
    }
    let rows: Vec<[String; 8]> = standings.iter().map(|one| row(one, style)).collect();
    let width =
        |at: usize| rows.iter().map(|row| row[at].chars().count()).chain([HEAD[at].len()]).max().unwrap_or(0);
    let mut widths: [usize; 8] = std::array::from_fn(width);
    // The longest name gives way until the table fits.
    while widths.iter().sum::<usize>() + 2 * (widths.len() - 1) > style.width {
        let longest = NAMES.into_iter().max_by_key(|at| widths[*at]).filter(|at| widths[*at] > LEAST);
        let Some(longest) = longest else { break };
        widths[longest] -= 1;
    }
    line(&HEAD.map(str::to_owned), &widths, Paint::new().bold(), style, out)?;
    for (row, one) in rows.iter().zip(standings) {
        let paint = if one.is_kept() { Paint::new() } else { AnsiColor::Red.on_default() };
        line(row, &widths, paint, style, out)?;
    }
    let (made, kept) =
        standings.iter().map(Standing::promises).fold((0, 0), |(a, b), (made, kept)| (a + made, b + kept));
    let s = if made == 1 { "" } else { "s" };
    writeln!(out, "\n{kept} of {made} promise{s} kept")
}

fn row(one: &Standing, style: &Style) -> [String; 8] {
    let name = |id: Option<&Id>| id.map_or_else(|| "-".to_owned(), |id| plain(id.as_str()));
    let against = |is: Option<Length>, wanted: Option<&String>| {
        let limit = wanted.and_then(|wanted| wanted.parse().ok());
        let is = is.map(|is| limit.map_or_else(|| is.for_people(), |limit| is.for_people_against(limit)));
        format!("{} / {}", is.as_deref().unwrap_or("-"), wanted.map_or("-", String::as_str))
    };
    let mark = match ([one.point, one.time].into_iter().max(), style.unicode) {
        (Some(Verdict::Missed), true) => "✗ missed",
        (Some(Verdict::Missed), false) => "MISSED",
        (Some(Verdict::Unknown), _) => "not known",
        (_, true) if one.promises().0 > 0 => "✓ kept",
        (_, false) if one.promises().0 > 0 => "kept",
        _ => "none",
    };
    [
        name(Some(&one.plan)),
        name(one.scenario.as_ref()),
        name(Some(&one.asset)),
        one.hit.clone(),
        name(one.restored_from.as_ref()),
        against(one.recovery_point, one.rpo.as_ref()),
        against(one.recovery_time, one.rto.as_ref()),
        mark.to_owned(),
    ]
}

fn line(
    cells: &[String; 8],
    widths: &[usize; 8],
    paint: Paint,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let count = cell.chars().count();
        if count > *width {
            let dots = if style.unicode { "…" } else { "." };
            text.extend(cell.chars().take(width.saturating_sub(1)));
            text += dots;
        } else {
            text += cell;
            text.extend(std::iter::repeat_n(' ', width - count));
        }
        text += "  ";
    }
    let text = text.trim_end();
    if style.color { writeln!(out, "{paint}{text}{paint:#}") } else { writeln!(out, "{text}") }
}
