//! The view's own thread: it hears events and keys, and draws. The run never waits for it.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use futures_core::Stream;
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::console::Console;
use super::keys::{Wish, press};
use super::model::Model;
use super::outlook::Outlook;
use super::paint::Paint;
use super::rows::natural;
use super::screen::Picture;
pub use super::view::Role;
use super::view::View;
use crate::display::line::Look;
use crate::display::tail;
use crate::event::{Event, Listener, RunState};
use crate::value::{Id, Length, Stamp};

/// What the view needs to know besides the events.
#[derive(Debug)]
pub struct Scene {
    /// The run's folder, where the output of its steps lies.
    pub run_dir: PathBuf,
    /// What the terminal can show.
    pub look: Look,
    /// Who looks.
    pub role: Role,
    /// What time it is.
    pub clock: fn() -> Stamp,
    /// How long a question stays open, by its step.
    pub expires: BTreeMap<Id, Length>,
    /// What happened before.
    pub earlier: Vec<(Stamp, Event)>,
}

/// What the view's thread is told.
#[derive(Debug)]
enum Told {
    Event(Stamp, Box<Event>),
    Talk(Option<String>, Option<Id>),
    Notice(String),
    /// The terminal is wanted by somebody else; the sender hears when it is free.
    Away(Sender<()>),
    Back,
    Controlled(bool),
    End,
}

/// A way to speak to the person at the screen. It does not care whether the view is still there.
#[derive(Clone, Debug)]
pub struct Handle(UnboundedSender<Told>);

impl Handle {
    /// Shows something; `about` is the step that is asked about after it, if any.
    pub fn show(&self, text: Option<String>, about: Option<Id>) {
        let _ = self.0.send(Told::Talk(text, about));
    }

    /// Tells of something beside the run.
    pub fn notice(&self, text: &str) {
        let _ = self.0.send(Told::Notice(text.to_owned()));
    }

    /// Gives the terminal back for a while; it is free when this returns.
    pub fn give_way(&self) {
        let (left, is_left) = channel();
        if self.0.send(Told::Away(left)).is_ok() {
            // Whoever hears nothing: the view is gone, and the terminal free.
            let _ = is_left.recv();
        }
    }

    /// Takes the terminal again.
    pub fn come_back(&self) {
        let _ = self.0.send(Told::Back);
    }
}

/// A live view that is on the screen; it goes away when this is dropped.
#[derive(Debug)]
pub struct LiveView {
    teller: UnboundedSender<Told>,
    said: Option<UnboundedReceiver<(Id, String)>>,
    thread: Option<JoinHandle<()>>,
    /// Hears when the thread has gone.
    gone: Receiver<()>,
}

impl LiveView {
    /// Takes the terminal and begins to draw.
    ///
    /// # Errors
    ///
    /// When there is no terminal, or it does not let us; it is then as it was.
    pub fn begin(scene: Scene) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Whoever is ended while the terminal is taken must give it back: heard before.
        let signals = {
            let _inside = runtime.enter();
            Signals::new(scene.role)?
        };
        let console = Console::open()?;
        let (teller, told) = unbounded_channel();
        let (say, said) = unbounded_channel();
        let (going, gone) = channel();
        let thread = Builder::new()
            .name("view".to_owned())
            .spawn(move || run(&runtime, console, signals, scene, told, say, going))?;
        Ok(Self { teller, said: Some(said), thread: Some(thread), gone })
    }

    /// Returns a listener by which the view hears of events.
    pub fn listener(&self) -> impl Listener + use<> {
        Teller(self.teller.clone())
    }

    /// Returns a way to speak to the person at the screen.
    pub fn handle(&self) -> Handle {
        Handle(self.teller.clone())
    }

    /// Returns the lines that are typed as answers, each with its step; nothing the second time. They end with the view.
    pub fn take_answers(&mut self) -> Option<UnboundedReceiver<(Id, String)>> {
        self.said.take()
    }

    /// Tells of an event.
    pub fn tell(&self, stamp: &Stamp, event: &Event) {
        let _ = self.teller.send(Told::Event(stamp.clone(), Box::new(event.clone())));
    }

    /// Tells whether somebody controls the run.
    pub fn tell_controlled(&self, is_controlled: bool) {
        let _ = self.teller.send(Told::Controlled(is_controlled));
    }

    /// Waits for a time, or until the view is gone; returns whether it is still there.
    pub fn stays(&self, time: Duration) -> bool {
        self.gone.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        let _ = self.teller.send(Told::End);
        if let Some(thread) = self.thread.take() {
            // Its panic was told when it happened; the run goes on without a view.
            let _ = thread.join();
        }
    }
}

/// Tells the view of events; never waits, and does not care whether anybody listens.
struct Teller(UnboundedSender<Told>);

impl Listener for Teller {
    fn hear(&mut self, stamp: &Stamp, event: &Event, _: &RunState) {
        let _ = self.0.send(Told::Event(stamp.clone(), Box::new(event.clone())));
    }
}

fn run(
    runtime: &Runtime,
    console: Console,
    signals: Signals,
    scene: Scene,
    told: UnboundedReceiver<Told>,
    say: UnboundedSender<(Id, String)>,
    going: Sender<()>,
) {
    let mut model = Model::new(scene.expires);
    for (stamp, event) in &scene.earlier {
        model.apply(stamp, event);
    }
    let show = Show {
        console,
        model,
        view: View::new(scene.role),
        reader: tail::Reader::default(),
        run_dir: scene.run_dir,
        clock: scene.clock,
        paint: Paint(scene.look),
        say,
    };
    // A terminal that has gone away ends the view, never the run.
    let _ = runtime.block_on(show.until_end(told, signals));
    drop(going);
}

struct Show {
    console: Console,
    model: Model,
    view: View,
    reader: tail::Reader,
    run_dir: PathBuf,
    clock: fn() -> Stamp,
    paint: Paint,
    say: UnboundedSender<(Id, String)>,
}

/// Events that come faster than this share a picture.
const FRAME: Duration = Duration::from_millis(50);

impl Show {
    async fn until_end(mut self, mut told: UnboundedReceiver<Told>, signals: Signals) -> io::Result<()> {
        let Signals { mut stops, mut goes_on, mut ends } = signals;
        let mut keys = Console::is_taken().then(EventStream::new);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut frames = interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_stale = true;
        let mut is_away = false;
        loop {
            tokio::select! {
                heard = told.recv() => {
                    let mut next = heard;
                    while let Some(heard) = next {
                        match heard {
                            Told::Away(left) => {
                                put_down(&mut keys);
                                is_away = true;
                                Console::release();
                                let _ = left.send(());
                            }
                            Told::Back => is_away = false,
                            Told::End => return Ok(()),
                            heard => self.hear(heard),
                        }
                        next = told.try_recv().ok();
                    }
                    is_stale = true;
                }
                input = next_input(&mut keys) => match input {
                    Some(Ok(Input::Key(key))) => {
                        if !self.press(key) {
                            return Ok(());
                        }
                        self.draw()?;
                    }
                    Some(Ok(Input::Resize(..))) => self.draw()?,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
                _ = stops.recv() => {
                    keys = None;
                    Console::stop()?;
                    goes_on.recv().await;
                    is_stale = true;
                }
                () = ends.heard() => return Ok(()),
                _ = seconds.tick() => is_stale = true,
                _ = frames.tick(), if is_stale && !is_away => {
                    is_stale = false;
                    self.console.take_again()?;
                    if Console::is_taken() {
                        if keys.is_none() {
                            keys = Some(EventStream::new());
                        }
                        self.draw()?;
                    }
                }
            }
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Event(stamp, event) => self.model.apply(&stamp, &event),
            Told::Talk(text, about) => self.view.hear(text.as_deref(), about),
            Told::Notice(text) => self.view.notice = Some(text),
            Told::Controlled(is_controlled) => self.model.is_controlled = Some(is_controlled),
            Told::Away(_) | Told::Back | Told::End => {}
        }
    }

    /// Takes in a key; returns whether the view goes on.
    fn press(&mut self, key: crossterm::event::KeyEvent) -> bool {
        let natural = natural(&self.model, &Outlook::new(&self.model, &(self.clock)()));
        match press(&mut self.view, &self.model, natural, key) {
            Wish::Nothing => {}
            Wish::Say(step, line) => {
                let _ = self.say.send((step, line));
            }
            Wish::Leave => return false,
        }
        true
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = (self.clock)();
        let outlook = Outlook::new(&self.model, &now);
        let chosen = self.view.chosen.as_ref().and_then(|id| self.model.state.position(id.as_str()));
        let at = chosen.or_else(|| natural(&self.model, &outlook));
        let step = at.and_then(|at| self.model.state.nodes().get(at).zip(self.model.state.steps.get(at)));
        let nothing = tail::Tail::default();
        let tail = match step {
            Some((node, record)) => {
                self.reader.read(&self.run_dir, &node.id, record.state.attempt().max(1), self.view.stream)
            }
            None => &nothing,
        };
        let picture = Picture {
            model: &self.model,
            view: &self.view,
            outlook: &outlook,
            now: &now,
            shown: (at, tail),
            paint: self.paint,
        };
        self.console.draw(|buffer| picture.draw(buffer))
    }
}

/// Lets go of the keyboard, for another who will read it.
///
/// The thread that reads for a stream ends a moment after the stream, and what is typed in that moment would be lost. It holds the
/// lock that a new stream waits for.
fn put_down(keys: &mut Option<EventStream>) {
    if keys.take().is_some() {
        drop(EventStream::new());
    }
}

/// Returns what comes from the keyboard; waits for ever where nobody reads it.
async fn next_input(keys: &mut Option<EventStream>) -> Option<io::Result<Input>> {
    match keys {
        Some(keys) => poll_fn(|context| Pin::new(&mut *keys).poll_next(context)).await,
        None => pending().await,
    }
}

/// The signals that the view hears.
struct Signals {
    /// Ctrl-Z, and what follows it.
    stops: unix::Signal,
    goes_on: unix::Signal,
    ends: Ends,
}

impl Signals {
    fn new(role: Role) -> io::Result<Self> {
        Ok(Self {
            stops: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            goes_on: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
            ends: Ends::new(role)?,
        })
    }
}

/// The signals that end a view which only looks; in the controller the engine hears them.
struct Ends(Option<[unix::Signal; 3]>);

impl Ends {
    fn new(role: Role) -> io::Result<Self> {
        Ok(Self(match role {
            Role::Controls => None,
            Role::Watches => Some([
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ]),
        }))
    }

    async fn heard(&mut self) {
        match &mut self.0 {
            None => pending().await,
            Some([interrupt, terminate, hang_up]) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
            }
        }
    }
}
