//! A simulation as a drawing: for each asset, which share of the runs had it back by when.
//!
//! One file without scripts, fonts or links, so that it can be shown anywhere; it follows the reader's choice of light or dark.

use super::simulation_text::{line, percent};
use super::{SimulatedAsset, Simulation};
use crate::value::Length;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 112.0;
const BOTTOM: f64 = 416.0;
/// More curves than colours could not be told apart.
const MOST: usize = 8;
/// Colours that people with any sight can tell apart (Okabe and Ito, 2008), and that are seen on white and on black.
const COLOURS: [&str; MOST] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fdf", "#7f7f7f"];

const STYLE: &str = "
  .sheet { fill: #ffffff; }
  .text { fill: #24292f; }
  .quiet { fill: #57606a; }
  .grid { stroke: #d0d7de; }
  .axis { stroke: #57606a; }
  @media (prefers-color-scheme: dark) {
    .sheet { fill: #0d1117; }
    .text { fill: #e6edf3; }
    .quiet { fill: #9aa4ae; }
    .grid { stroke: #30363d; }
    .axis { stroke: #9aa4ae; }
  }
";

impl Simulation {
    /// Returns the simulation as an SVG.
    pub fn svg(&self) -> String {
        let drawing = Drawing::new(self);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" \
             font-family=\"system-ui, 'Segoe UI', 'Liberation Sans', Arial, sans-serif\" font-size=\"13\">\n"
        );
        let scenario = match (&self.scenario, &self.scenario_title) {
            (Some(_), Some(title)) => line(title),
            _ => "everything comes back".to_owned(),
        };
        let title = line(&self.title);
        svg +=
            &format!("<title>{}: {}</title>\n<style>{STYLE}</style>\n", escaped(&title), escaped(&scenario));
        svg += &format!("<rect class=\"sheet\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n");
        svg += &text(LEFT, 32.0, "class=\"text\" font-size=\"18\" font-weight=\"600\"", &cut(&title, 90));
        let runs = format!("{} runs (seed {})", self.runs, self.seed);
        let below = format!("{}: share of {runs} in which it was healthy by then", cut(&scenario, 60));
        svg += &text(LEFT, 54.0, "class=\"quiet\"", &below);
        svg += &drawing.axes();
        svg += &drawing.targets();
        svg += &drawing.curves();
        svg += &drawing.legend();
        svg + "</svg>\n"
    }
}

struct Drawing<'a> {
    shown: &'a [SimulatedAsset],
    left_out: usize,
    /// The right end of the axis of time, in milliseconds.
    until: f64,
    /// The distance between two ticks, in milliseconds.
    tick: u64,
}

impl<'a> Drawing<'a> {
    fn new(simulation: &'a Simulation) -> Self {
        let shown = &simulation.assets[..simulation.assets.len().min(MOST)];
        // The last hundredth of the runs would take most of the room.
        let ends = shown.iter().filter_map(|asset| {
            asset.spread.curve.iter().take(asset.spread.curve.len().saturating_sub(2)).flatten().last()
        });
        let ends = ends.map(|length| length.as_millis()).max().unwrap_or(60_000).max(1);
        let near = shown.iter().filter_map(|asset| asset.rto).map(Length::as_millis);
        let near = near.filter(|rto| *rto <= ends.saturating_mul(4)).max().unwrap_or(0);
        let until = ends.max(near) / 20 * 21 + 1;
        let tick = TICKS.iter().map(|seconds| seconds * 1000).find(|tick| until / tick <= 8);
        let tick = tick.unwrap_or(until / 8 + 1);
        Self { shown, left_out: simulation.assets.len() - shown.len(), until: number(until), tick }
    }

    fn x(&self, length: Length) -> f64 {
        LEFT + (RIGHT - LEFT) * number(length.as_millis()) / self.until
    }

    fn axes(&self) -> String {
        let mut svg = String::new();
        for quarter in 0..=4u32 {
            let y = y(f64::from(quarter) / 4.0);
            let class = if quarter == 0 { "axis" } else { "grid" };
            svg += &format!("<path class=\"{class}\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\n");
            let label = format!("{}%", quarter * 25);
            svg += &text(LEFT - 8.0, y + 4.0, "class=\"quiet\" text-anchor=\"end\"", &label);
        }
        for at in (0..).map(|at| at * self.tick).take_while(|at| number(*at) <= self.until) {
            let x = self.x(Length::from_millis(at));
            svg += &format!("<path class=\"axis\" d=\"M{x:.1} {BOTTOM}v5\"/>\n");
            let label = Length::from_millis(at).to_string();
            let label = if at == 0 { "0" } else { label.as_str() };
            svg += &text(x, BOTTOM + 20.0, "class=\"quiet\" text-anchor=\"middle\"", label);
        }
        let middle = f64::midpoint(LEFT, RIGHT);
        svg + &text(middle, BOTTOM + 44.0, "class=\"quiet\" text-anchor=\"middle\"", "time from the incident")
    }

    /// A line for each target that lies on the axis, and whose it is.
    fn targets(&self) -> String {
        let mut targets: Vec<(Length, Vec<usize>)> = Vec::new();
        for (at, asset) in self.shown.iter().enumerate() {
            let Some(rto) = asset.rto.filter(|rto| number(rto.as_millis()) <= self.until) else { continue };
            match targets.iter_mut().find(|(length, _)| *length == rto) {
                Some((_, assets)) => assets.push(at),
                None => targets.push((rto, vec![at])),
            }
        }
        targets.sort();
        let mut svg = String::new();
        let (mut last, mut row) = (f64::MIN, 0.0);
        for (rto, assets) in targets {
            let x = self.x(rto);
            // The label of a near neighbour stands on a line of its own.
            row = if x - last < 80.0 { 1.0 - row } else { 0.0 };
            last = x;
            let label_y = TOP - 10.0 - 17.0 * row;
            let colour = match assets.as_slice() {
                [one] => format!("stroke=\"{}\"", COLOURS[one % MOST]),
                _ => "class=\"axis\"".to_owned(),
            };
            svg += &format!(
                "<path {colour} stroke-width=\"1.5\" stroke-dasharray=\"5 4\" fill=\"none\" d=\"M{x:.1} {:.1}V{BOTTOM}\"/>\n",
                label_y + 5.0
            );
            let anchor = if x > RIGHT - 40.0 { "end" } else { "middle" };
            svg +=
                &text(x, label_y, &format!("class=\"text\" text-anchor=\"{anchor}\""), &format!("RTO {rto}"));
        }
        svg
    }

    fn curves(&self) -> String {
        let mut svg = String::new();
        // The least certain asset is drawn last, over the others.
        for (at, asset) in self.shown.iter().enumerate().rev() {
            let parts = asset.spread.curve.len().saturating_sub(1).max(1);
            let mut points = Vec::new();
            for (part, length) in asset.spread.curve.iter().enumerate() {
                let Some(length) = length.filter(|length| number(length.as_millis()) <= self.until) else {
                    break;
                };
                if points.is_empty() {
                    points.push(format!("{:.1} {BOTTOM:.1}", self.x(length)));
                }
                points.push(format!(
                    "{:.1} {:.1}",
                    self.x(length),
                    y(number(part as u64) / number(parts as u64))
                ));
            }
            svg += &format!(
                "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\" stroke-linejoin=\"round\" points=\"{}\"/>\n",
                COLOURS[at % MOST],
                points.join(" ")
            );
        }
        svg
    }

    fn legend(&self) -> String {
        let mut svg = String::new();
        let x = RIGHT + 28.0;
        for (at, asset) in self.shown.iter().enumerate() {
            let y = TOP + 4.0 + 38.0 * number(at as u64);
            svg += &format!(
                "<path stroke=\"{}\" stroke-width=\"4\" stroke-linecap=\"round\" d=\"M{x:.1} {:.1}h14\"/>\n",
                COLOURS[at % MOST],
                y - 4.0
            );
            svg += &text(x + 24.0, y, "class=\"text\"", &cut(asset.asset.as_str(), 26));
            let met = match (asset.met, asset.rto) {
                (Some(met), Some(rto)) => format!("{} within {rto}", percent(met)),
                _ => "nothing promised".to_owned(),
            };
            svg += &text(x + 24.0, y + 16.0, "class=\"quiet\" font-size=\"12\"", &met);
        }
        let y = TOP + 4.0 + 38.0 * number(self.shown.len() as u64);
        if self.left_out > 0 {
            svg += &text(x, y, "class=\"quiet\"", &format!("and {} more", self.left_out));
        } else if self.shown.is_empty() {
            svg += &text(x, y, "class=\"quiet\"", "nothing has to come back");
        }
        svg
    }
}

/// Distances between ticks, in seconds.
const TICKS: [u64; 20] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    2 * 86_400,
    7 * 86_400,
];

#[expect(clippy::cast_precision_loss, reason = "it is drawn on a few hundred dots")]
fn number(number: u64) -> f64 {
    number as f64
}

fn y(share: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * share
}

fn text(x: f64, y: f64, more: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {more}>{}</text>\n", escaped(text))
}

/// Cuts a text that is too long for its place.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}
