//! What a person says to a run, made into a request: proven where the plan has a key of theirs.

use std::path::{Path, PathBuf};

use super::Terminal;
use super::session;
use crate::approval::{Decision, Key, Statement, announcement, nonce, sign};
use crate::engine::{Hearing, Said};
use crate::error::Error;
use crate::event::{Proof, RunStarted, RunState};
use crate::journal::{Kind, Request};
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Moment};

/// Who says it, and how it is signed.
#[derive(Debug, Default, clap::Args)]
pub(super) struct SignArgs {
    /// Who you are in the plan: the id of a person
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    /// Sign with this private key (or the one in the agent of this public key)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Only write down what is to be signed, to sign it elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub write: Option<PathBuf>,
    /// Hand in what was written down and signed: FILE, and FILE.sig beside it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "write"])]
    pub signed: Option<PathBuf>,
}

/// What a person says to a run.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) decision: Decision,
    pub(super) step: Option<Id>,
    pub(super) to: Option<Id>,
    pub(super) note: Option<String>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Composed {
    /// A request for the run's controller.
    Request(Box<Request>),
    /// It lies in a file, to be signed elsewhere.
    Written,
    /// The run would not count it: a request that only tells of it, and what to tell the person.
    Refused(Box<Request>, Error),
}

impl Speech {
    /// Makes the request, and asks the person's agent or key for the signature.
    pub(super) fn request(
        self,
        hearing: &Hearing<'_>,
        args: &SignArgs,
        terminal: &Terminal,
    ) -> Result<Composed, Error> {
        let now = session::now();
        let mut said = match &args.signed {
            Some(file) => self.signed_elsewhere(file, args)?,
            None => self.said(hearing, args)?,
        };
        // What cannot count is not worth a signature.
        let against = hearing.against_asking(&said).or_else(|| hearing.against_person(&said));
        let against = against.or_else(|| hearing.given(&said).err());
        if let Some(why) = against {
            return Ok(refused(&said, now, why));
        }
        match hearing.key_of(&said.by) {
            Some(Ok(key)) if said.signed.is_none() => {
                let statement = statement(hearing, &said, now)?;
                let text = statement.to_string();
                if let Some(file) = &args.write {
                    return write_down(&text, file, terminal);
                }
                let signature = sign_text(&text, &said.by, &key, args.key.as_deref(), terminal)?;
                said.signed = Some((text, signature));
            }
            None if args.write.is_some() => {
                let error = Error::unable(format!("the plan has no key of {}: nothing is signed", said.by));
                return Err(error.hint("leave --write out"));
            }
            _ => {}
        }
        Ok(match hearing.judge(&said) {
            Err(why) => refused(&said, now, why),
            Ok(_) => Composed::Request(Box::new(request(&said, now))),
        })
    }

    fn said(self, hearing: &Hearing<'_>, args: &SignArgs) -> Result<Said, Error> {
        let asked = self.step.as_ref().filter(|_| self.decision.is_answer());
        let allowed = asked.map(|step| hearing.may_answer(step));
        let by = match (&args.person, allowed.filter(|allowed| !allowed.is_empty())) {
            (Some(person), _) => person.clone(),
            (None, None) => session::account(),
            (None, Some(allowed)) => {
                let names = allowed.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
                let error = Error::unable("the plan says who may answer this step; say who you are");
                return Err(error.hint(format!("add --as PERSON, one of: {names}")));
            }
        };
        let Self { decision, step, to, note } = self;
        Ok(Said { step, by, decision, to, note, account: Some(session::account()), signed: None })
    }

    /// Takes what was signed elsewhere; the file says who says what.
    fn signed_elsewhere(self, file: &Path, args: &SignArgs) -> Result<Said, Error> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|error| Error::unable(format!("cannot read {}: {error}", path.display())))
        };
        let text = read(file)?;
        let signature = read(&PathBuf::from(format!("{}.sig", file.display())))?;
        let signed = Statement::parse(&text).map_err(|why| {
            let error = Error::unable(format!("{} is no answer to a run: {why}", file.display()));
            error.hint("sign the very file that --write wrote")
        })?;
        if let Some(person) = &args.person
            && *person != signed.person.as_str()
        {
            return Err(Error::unable(format!("{} is the word of {}", file.display(), signed.person)));
        }
        // Of the two ways to answer, the file says which; anything else is another command.
        let is_answer = |decision| {
            matches!(decision, Decision::Approve | Decision::Refuse | Decision::Done | Decision::Failed)
        };
        if signed.decision != self.decision && !(is_answer(signed.decision) && is_answer(self.decision)) {
            let word = signed.decision.word();
            return Err(Error::unable(format!("what was signed in {} says `{word}`", file.display())));
        }
        Ok(Said {
            step: self.step,
            by: signed.person.to_string(),
            decision: signed.decision,
            to: signed.to,
            note: signed.note,
            account: Some(session::account()),
            signed: Some((text, signature)),
        })
    }
}

/// Makes the text that is signed.
pub(super) fn statement(hearing: &Hearing<'_>, said: &Said, at: Moment) -> Result<Statement, Error> {
    let person: Id = said.by.parse().map_err(|_| Error::unable(format!("`{}` is not an id", said.by)))?;
    Ok(Statement {
        matter: hearing.matter(said.step.as_ref()),
        role: hearing.role_of(said.step.as_ref(), &person),
        person,
        decision: said.decision,
        to: said.to.clone(),
        note: said.note.clone(),
        at,
        nonce: nonce()?,
    })
}

/// Proves that whoever begins a run is who they say, if the plan has a key of theirs.
///
/// Else an approval that must come from another person than the starter could come from the same.
pub(super) fn prove_start(
    plan: &ResolvedPlan,
    start: &RunStarted,
    terminal: &Terminal,
) -> Result<Option<Proof>, Error> {
    let hearing = Hearing { plan, start, state: &RunState::default() };
    let mut said = Said {
        step: None,
        by: start.by.clone(),
        decision: Decision::Start,
        to: None,
        note: None,
        account: None,
        signed: None,
    };
    if let Some(Ok(key)) = hearing.key_of(&said.by) {
        let text = statement(&hearing, &said, session::now())?.to_string();
        said.signed = Some((text.clone(), sign_text(&text, &said.by, &key, None, terminal)?));
    }
    hearing.judge(&said).map_err(|why| Error::unable(format!("{} cannot begin the run: {why}", said.by)))
}

fn sign_text(
    text: &str,
    by: &str,
    key: &Key,
    file: Option<&Path>,
    terminal: &Terminal,
) -> Result<String, Error> {
    terminal.say(&announcement(by, key));
    sign(text, key, file, session::home().as_deref()).map_err(|error| {
        let error = Error::unable(format!("cannot {error}"));
        error.hint("give the key to your agent with `ssh-add`; answers can also be signed with --key FILE, or elsewhere: --write FILE, then --signed FILE")
    })
}

#[expect(clippy::disallowed_methods, reason = "a file that the person asked for")]
fn write_down(text: &str, file: &Path, terminal: &Terminal) -> Result<Composed, Error> {
    std::fs::write(file, text)
        .map_err(|error| Error::unable(format!("cannot write {}: {error}", file.display())))?;
    let shown = file.display();
    terminal.print(&format!(
        "{text}\nSign it: ssh-keygen -Y sign -n {} -f YOUR_KEY {shown}\nThen the same command with: --signed {shown}\n",
        crate::approval::NAMESPACE
    ))?;
    Ok(Composed::Written)
}

fn request(said: &Said, at: Moment) -> Request {
    let kind = match said.decision {
        Decision::Approve | Decision::Done => Kind::Approve,
        Decision::Refuse | Decision::Failed => Kind::Refuse,
        Decision::HandOver => Kind::HandOver,
        Decision::Skip => Kind::Skip,
        Decision::Retry => Kind::Retry,
        Decision::Undo => Kind::Undo,
        Decision::Commit => Kind::Commit,
        // Nobody asks a run to begin: it has begun.
        Decision::Abort | Decision::Start => Kind::Abort,
    };
    let (statement, signature) = said.signed.clone().unzip();
    Request {
        step: said.step.clone(),
        reason: said.note.clone(),
        to: said.to.clone(),
        account: said.account.clone(),
        statement,
        signature,
        ..Request::new(kind, &said.by, at)
    }
}

fn refused(said: &Said, at: Moment, why: String) -> Composed {
    let error = Error::unable(format!("it does not count: {why}"));
    let request = Request { refused: Some(why), ..request(said, at) };
    Composed::Refused(Box::new(request), error.hint("that it was tried is on record"))
}
