//! One seed: a house that lives many lives on one journal, with commands from everywhere and the power going at any instant.

use super::checks::{self, Promise};
use super::model::Oracle;
use super::world::{Dice, Disk, Hand, Power};
use super::{checks::Promises, house};
use crate::common::{load, runtime, sandbox, start};
use charthouse_runtime::control::uncontrolled;
use charthouse_runtime::host::{Command, Fire, FireHow, Host, Hosting, Mode};
use charthouse_runtime::{Asked, Services, SharedJournal};
use futures_util::stream;
use journal::faults::{Chances, Faults};
use journal::{Journal, SqliteStore};
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::LocalSet;
use types::{Clock, ContentHash};

/// Everything that outlives a life.
pub struct House {
    pub directory: TempDir,
    pub dice: Dice,
    pub power: Arc<Power>,
    pub hand: Arc<Hand>,
    pub faults: Faults,
    pub oracle: Arc<Oracle>,
    pub services: Services,
    pub promises: Rc<RefCell<Promises>>,
}

impl House {
    /// A new house. Within a runtime whose time stands still.
    pub fn new(seed: u64) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        house::write(directory.path());
        let definitions = load(directory.path());
        let dice = Dice::new(seed);
        let power = Power::new();
        let hand = Hand::new(&power);
        let clock: Arc<dyn Clock> = hand.clone();
        let services = Services {
            sandbox: sandbox(directory.path(), clock.clone()),
            house: Arc::new(definitions),
            clock,
            rng: Arc::new(Dice::new(dice.next())),
            meter: Arc::new(()),
        };
        House {
            faults: Faults::new(dice.next(), Chances::default()),
            oracle: Oracle::new(Dice::new(dice.next()), &power),
            promises: Rc::default(),
            directory,
            dice,
            power,
            hand,
            services,
        }
    }

    pub fn journal_path(&self) -> std::path::PathBuf {
        self.directory.path().join("journal.db")
    }

    /// The journal as it is, with nothing that fails.
    pub fn journal(&self) -> Journal {
        Journal::open(&self.journal_path()).unwrap()
    }

    /// A host of it, unless the disk has it that there can be none.
    pub fn host(&self) -> Option<Host> {
        let store = SqliteStore::open(&self.journal_path()).unwrap();
        let journal = Journal::over(Disk::new(store, &self.faults, &self.power));
        let (oracle, seeded) = (self.oracle.clone(), self.services.clone());
        let whom = Box::new(move |_: &definitions::House, agent: &str| {
            let asked = Asked {
                model: oracle.clone(),
                parameters: seeded.house.agents[agent].model.clone(),
                free: true,
                here: true,
                identity: ContentHash::of(b""),
            };
            let ask: charthouse_runtime::Ask = Box::new(|_, _| Ok(None));
            Ok((vec![asked], ask))
        });
        let services = uncontrolled(self.services.clone(), &journal).ok()?;
        Host::new(services, SharedJournal::new(journal), whom, Mode::Live).ok()
    }

    /// One life: a host, whatever `meanwhile` does with it, until that is over or the power is gone. Everything in memory is lost then.
    pub async fn live<F: Future<Output = ()>>(&self, meanwhile: impl FnOnce(Host) -> F) {
        let Some(host) = self.host() else {
            return;
        };
        let local = LocalSet::new();
        {
            let lives = local.run_until(async {
                let turns = host.clone();
                let turn = async move {
                    let ended = turns.turn(Box::pin(stream::pending())).await;
                    if ended.is_err() {
                        // The journal cannot be read: a daemon would end here.
                    }
                };
                tokio::pin!(turn);
                let meanwhile = meanwhile(host);
                tokio::pin!(meanwhile);
                tokio::select! {
                    biased;
                    () = &mut turn => {}
                    () = &mut meanwhile => {}
                }
            });
            tokio::pin!(lives);
            std::future::poll_fn(|context| {
                if !self.power.is_on() {
                    return Poll::Ready(());
                }
                match lives.as_mut().poll(context) {
                    Poll::Pending if self.power.is_on() => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            })
            .await;
        }
        // What is dropped now can reach the disk no more.
        self.power.cut();
        drop(local);
    }

    /// Somebody asks; what is answered is a promise.
    pub fn ask(&self, host: &Host, command: Command) {
        let (host, power, promises) = (host.clone(), self.power.clone(), self.promises.clone());
        tokio::task::spawn_local(async move {
            let answer = host.ask(command.clone()).await;
            if power.is_on() {
                promises
                    .borrow_mut()
                    .given
                    .push(Promise { command, answer });
            }
        });
    }

    /// Some command that somebody might give.
    pub fn command(&self, host: &Host) -> Option<Command> {
        let dice = &self.dice;
        let (runs, instances) = checks::listed(host);
        let run = dice.pick(&runs).cloned();
        let instance = dice.pick(&instances).cloned();
        let agents = ["solo", "ticker", "listener", "parent", "coder", "critic"];
        let agent = (*dice.pick(&agents)?).to_owned();
        let role = (*dice.pick(&["implementer", "reviewer", "writer", "checker"])?).to_owned();
        let full = runs.len() > 12;
        Some(match dice.below(20) {
            0..4 if !full => start(&agent),
            4 | 5 => Command::Say {
                run: run?,
                text: format!("word {}", dice.below(1_000_000)),
            },
            6 => Command::Signal {
                run: run?,
                event: "signal.go".into(),
                data: None,
            },
            7 => Command::Pause { run: run? },
            8 | 9 => Command::Resume { run: run? },
            10 => Command::Stop { run: run? },
            11 | 12 if instances.len() < 5 => Command::WorkflowStart {
                chart: (*dice.pick(&["implement-review", "clocked"])?).to_owned(),
                input: Some(json!({ "n": dice.below(9) })),
            },
            13 => Command::WorkflowBind {
                instance: instance?,
                agent: Some(agent),
                human: None,
                role,
                by: None,
                signed: None,
            },
            14 => Command::WorkflowBind {
                instance: instance?,
                agent: None,
                human: Some("ada".into()),
                role,
                by: None,
                signed: None,
            },
            15 => Command::WorkflowDetach {
                instance: instance?,
                role,
                notes: Some("so far".into()),
                by: None,
                signed: None,
            },
            16 => Command::WorkflowHandIn {
                instance: instance?,
                role,
                by: "ada".into(),
                outcome: "accepted".into(),
                notes: None,
                artefacts: None,
                signed: None,
            },
            17 => Command::WorkflowEvent {
                instance: instance?,
                event: "human.resumed".into(),
                data: None,
                by: None,
                signed: None,
            },
            _ => Command::Fire(Fire {
                trigger: "t".into(),
                key: format!("{}", dice.below(12)),
                subject: String::new(),
                due: self.hand.read(),
                schedule: None,
                how: FireHow::Start,
                then: Some(Box::new(match dice.percent(50) {
                    true => start("solo"),
                    false => Command::WorkflowStart {
                        chart: "clocked".into(),
                        input: None,
                    },
                })),
            }),
        })
    }

    /// Ask this and that for `hours`.
    pub async fn ask_at_random(&self, host: Host, hours: u64) {
        let mut left = Duration::from_secs(hours * 3_600);
        while !left.is_zero() {
            if let Some(command) = self.command(&host) {
                if self.dice.percent(10) {
                    self.ask(&host, command.clone());
                }
                self.ask(&host, command);
            }
            let most = [50, 5_000, 900_000][self.dice.below(3) as usize];
            let wait = Duration::from_millis(self.dice.below(most)).min(left);
            left -= wait.max(Duration::from_millis(1)).min(left);
            tokio::time::sleep(wait).await;
        }
    }
}

/// The hash of all records, without the name of the directory.
fn history(house: &House) -> String {
    let directory = house.directory.path().to_string_lossy().into_owned();
    let mut all = String::new();
    let each = house.journal().each(journal::Which::All, |record| {
        let body = record.body.replace(&directory, "");
        all.push_str(&format!(
            "{} {} {} {body}\n",
            record.time.0, record.run, record.kind
        ));
        Ok::<_, journal::JournalError>(())
    });
    each.unwrap();
    ContentHash::of(all.as_bytes()).to_string()
}

/// Live `lives` lives with this seed, and one long one in which nothing goes wrong. The hash of what is recorded at the end.
pub fn live(seed: u64, lives: u64) -> String {
    runtime().block_on(async {
        let house = House::new(seed);
        for life in 0..lives {
            if std::env::var("SIM_TELL").is_ok() {
                let head = house.journal().head().unwrap();
                eprintln!("life {life} at {}, {} records", house.hand.read(), head.seq);
            }
            house.power.plan(&house.dice);
            let chance = |most| u32::try_from(house.dice.below(most)).unwrap();
            house.faults.set(match house.dice.below(3) {
                0 => Chances {
                    writing: chance(600),
                    reading: chance(60),
                    record: 0,
                },
                _ => Chances::default(),
            });
            let hours = 1 + house.dice.below(4);
            house.live(|host| house.ask_at_random(host, hours)).await;
            house.faults.set(Chances::default());
            // Every look reads all of the journal.
            if life % 3 == 2 {
                checks::after_a_life(&house, seed, life);
            }
            // It lies there for a while, and meanwhile somebody may set the clock.
            let down = Duration::from_millis(house.dice.below(3_600_000));
            tokio::time::advance(down).await;
            match house.dice.below(12) {
                0 => house
                    .hand
                    .set(-i64::try_from(house.dice.below(7_200_000)).unwrap()),
                1 => house
                    .hand
                    .set(i64::try_from(house.dice.below(90_000_000)).unwrap()),
                _ => {}
            }
        }
        let quiet = &house;
        house.power.never();
        house.oracle.healthy.store(true, SeqCst);
        house
            .live(|host| async move {
                tokio::time::sleep(Duration::from_secs(12 * 3_600)).await;
                checks::at_rest(quiet, &host, seed);
            })
            .await;
        checks::after_a_life(&house, seed, lives);
        checks::at_the_end(&house, seed);
        history(&house)
    })
}
