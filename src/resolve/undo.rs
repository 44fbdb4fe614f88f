//! What takes steps back: for each that was carried out a step more, made of its `undo`.

use thin_vec::ThinVec;

use super::{Course, CourseKind, CourseNode, ResolvedPlan, ResolvedStep};
use crate::plan::{Action, Common, Rerun, Undo};
use crate::value::Id;

/// Returns a plan and its course with the undos of some nodes behind the rest: of each, its position and the undo's id.
///
/// An undo has the environment, the inputs, the secrets, the place and the time limit of its step, and sees what that has
/// put out. Nothing is repeated of it by itself.
pub fn with_undos(plan: &ResolvedPlan, course: &Course, undos: &[(usize, Id)]) -> (ResolvedPlan, Course) {
    let (mut plan, mut course) = (plan.clone(), course.clone());
    for (undone, id) in undos {
        let Some(node) = course.nodes.get(*undone) else { continue };
        let CourseKind::Step(step) = node.kind else { continue };
        let step = &plan.steps[step];
        let Some(undo) = step.common.undo.as_deref() else { continue };
        let action = match undo {
            Undo::Run(command) => {
                let shell = match &*step.action {
                    Action::Run { shell, .. } => shell.clone(),
                    _ => None,
                };
                Action::Run { command: command.clone(), shell }
            }
            Undo::Manual(text) => {
                let by = match &*step.action {
                    Action::Manual { by, .. } => by.clone(),
                    _ => None,
                };
                Action::Manual { text: text.clone(), by }
            }
        };
        let common = Common {
            title: Some(format!("take back: {}", step.title()).into()),
            on: step.common.on.clone(),
            secrets: step.common.secrets.clone(),
            env: step.common.env.clone(),
            timeout: step.common.timeout,
            rerun: Some(Rerun::Ask),
            ..Common::default()
        };
        let undo = ResolvedStep {
            id: id.clone(),
            section: step.section,
            part_of: None,
            within: None,
            child: step.child.clone(),
            common: common.into(),
            action: action.into(),
            inputs: step.inputs.clone(),
        };
        course.nodes.push(CourseNode {
            id: id.clone(),
            kind: CourseKind::Step(plan.steps.len()),
            after: [*undone].into(),
            place: node.place.clone(),
            copy: node.copy.clone(),
            others: ThinVec::new(),
            estimate: None,
            rank: node.rank,
            undoes: Some(*undone),
        });
        plan.steps.push(undo);
    }
    (plan, course)
}
