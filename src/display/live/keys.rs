//! What a key means.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Model;
use super::rows::listed;
use super::view::{Role, View};
use crate::value::Id;

/// What a key asks for beyond the view itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// The line is the answer to a step.
    Say(Id, String),
    /// The person has seen enough.
    Leave,
}

/// How far a page goes.
const PAGE: usize = 10;

/// Longest line that can be typed.
const LONGEST: usize = 4000;

/// Takes in a key; `natural` is the node that is shown while nobody has chosen one.
pub(super) fn press(view: &mut View, model: &Model, natural: Option<usize>, key: KeyEvent) -> Wish {
    if key.kind == KeyEventKind::Release {
        return Wish::Nothing;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_typing = view.talk.is_open() && view.talk.is_answering;
    // What types nothing may be reached by letters as well.
    let code = match key.code {
        KeyCode::Char(_) if is_control && key.code != KeyCode::Char('u') => return Wish::Nothing,
        KeyCode::Char('k') if !is_typing => KeyCode::Up,
        KeyCode::Char('j') if !is_typing => KeyCode::Down,
        KeyCode::Enter if !is_typing => KeyCode::Tab,
        code => code,
    };
    match code {
        KeyCode::Up => choose(view, model, natural, -1),
        KeyCode::Down => choose(view, model, natural, 1),
        KeyCode::PageUp => view.scrolled = view.scrolled.saturating_add(PAGE),
        KeyCode::PageDown => view.scrolled = view.scrolled.saturating_sub(PAGE),
        KeyCode::Tab => view.is_zoomed = !view.is_zoomed,
        KeyCode::Char('u') if is_control => view.talk.typed.clear(),
        KeyCode::Enter => {
            if let Some((step, line)) = view.talk.take() {
                return Wish::Say(step, line);
            }
        }
        KeyCode::Backspace if is_typing => {
            view.talk.typed.pop();
        }
        KeyCode::Esc if is_typing => view.talk.is_answering = false,
        KeyCode::Char(letter) if is_typing && view.talk.typed.len() < LONGEST => view.talk.put(letter),
        KeyCode::Esc => {
            view.is_zoomed = false;
            view.chosen = None;
            view.scrolled = 0;
        }
        KeyCode::Char('a') if view.talk.is_open() && !is_typing => view.talk.is_answering = true,
        KeyCode::Char('o') if !is_typing => {
            view.stream = view.stream.next();
            view.scrolled = 0;
        }
        KeyCode::Char('q') if view.role == Role::Watches => return Wish::Leave,
        _ => {}
    }
    Wish::Nothing
}

/// Goes up or down in the list of steps.
fn choose(view: &mut View, model: &Model, natural: Option<usize>, by: isize) {
    let rows = listed(model);
    let now = view.chosen.as_ref().and_then(|id| model.state.position(id.as_str())).or(natural);
    let at = now.and_then(|now| rows.iter().position(|at| *at == now)).unwrap_or(0);
    let at = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
    view.chosen = rows.get(at).map(|at| model.state.nodes()[*at].id.clone());
    view.scrolled = 0;
}
