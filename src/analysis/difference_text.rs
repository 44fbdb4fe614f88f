//! A difference as text, and as Markdown for a pull request.

use super::{Change, Difference, Direction};

/// A comment on a pull request takes 65,536 characters; a little room is left for what others add.
const MOST_CHARACTERS: usize = 60_000;

impl Direction {
    const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Changed => "changed",
            Self::Worse => "worse",
        }
    }
}

impl Change {
    fn place(&self) -> String {
        let mut place = self.plan.to_string();
        for part in [&self.scenario, &self.asset].into_iter().flatten() {
            place += &format!(" / {part}");
        }
        place
    }
}

impl Difference {
    /// Returns the verdict in one line.
    pub fn headline(&self) -> String {
        let promises =
            |count: usize| if count == 1 { "1 promise".to_owned() } else { format!("{count} promises") };
        match (self.verdict, self.broken, self.mended) {
            (None, ..) => "no change to any promise".to_owned(),
            (Some(_), 1.., _) => format!("worse: {} no longer kept", promises(self.broken)),
            (Some(Direction::Worse), ..) => "worse, but every promise that was kept still is".to_owned(),
            (Some(_), _, 1..) => format!("better: {} kept that were not", promises(self.mended)),
            (Some(Direction::Better), ..) => "better".to_owned(),
            (Some(Direction::Changed), ..) => "changed, neither better nor worse".to_owned(),
        }
    }

    /// Returns the difference for a terminal; `mark` colours a line by its direction.
    pub fn text(&self, mark: &dyn Fn(Direction, &str) -> String) -> String {
        let mut text = self.headline() + "\n";
        for name in &self.not_known {
            text += &format!("not known: {name} has errors; `drplan check` tells them\n");
        }
        let mut place = String::new();
        for change in &self.changes {
            let here = change.place();
            if here != place {
                text += &format!("\n{here}\n");
                place = here;
            }
            let word = format!("{:7}", change.direction.word());
            text += &format!(
                "  {}  {}: {} -> {}\n",
                mark(change.direction, &word),
                change.what,
                change.old,
                change.new
            );
        }
        text
    }

    /// Returns the difference as Markdown, short enough for a comment on a pull request.
    pub fn markdown(&self) -> String {
        let mut text = format!("### drplan: {}\n", self.headline());
        for name in &self.not_known {
            text += &format!("\n`{}` has errors: nothing can be said of it.\n", cell(name));
        }
        if self.changes.is_empty() {
            return text;
        }
        text += "\n| | plan / scenario / asset | what | before | after |\n| --- | --- | --- | --- | --- |\n";
        for (at, change) in self.changes.iter().enumerate() {
            let sign = match change.direction {
                Direction::Better => "better",
                Direction::Changed => "",
                Direction::Worse => "**worse**",
            };
            let row = format!(
                "| {sign} | {} | {} | {} | {} |\n",
                cell(&change.place()),
                cell(&change.what),
                cell(&change.old),
                cell(&change.new)
            );
            if text.len() + row.len() > MOST_CHARACTERS {
                text += &format!("\nAnd {} more; `drplan diff` shows them all.\n", self.changes.len() - at);
                break;
            }
            text += &row;
        }
        text
    }
}

/// What stands in a cell of a table must not end it, nor begin a link or a mention.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '@' | '#' => {
                cell.push('\\');
                cell.push(letter);
            }
            letter if letter.is_control() => cell.push(' '),
            letter => cell.push(letter),
        }
    }
    cell
}
