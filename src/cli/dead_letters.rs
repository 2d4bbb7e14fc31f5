//! `dead-letters`: what gave up or needs a fix.

pub(super) mod dead_letter_views;

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};

use bytes::Bytes;
use clap::Subcommand;

use super::Globals;
use super::arguments::{Limit, ReasonArg, spelled};
use super::error::Advise;
use super::lookup::id_prefix::IdPrefix;
use super::terminal::confirm::agrees;
use super::terminal::format::count;
use super::terminal::output::Output;
use crate::app::App;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeadLetterId, TenantId};
use crate::model::reason::ReasonCode;
use crate::operator::redriven::RedriveError;
use crate::store::{DeadLetter, DeadLetterFilter, DeadLetterGroup, NewAuditEntry, PageRequest, Restored, StoreError};
use dead_letter_views::{Fated, GroupRow, LetterRow, ShownDeadLetter};

/// Letters in one page, or in one transaction.
const BATCH_MAX: u32 = 200;
/// The most causes that are listed.
const GROUPS_MAX: u32 = 1_000;
/// More rows than this are summed up for people.
const ROWS_MAX: usize = 50;

/// List, redrive or discard events and deliveries that could not be sent
///
/// A dead letter is an event or a delivery that failed for good or needs a fix. Start with `groups`: one cause often
/// makes many.
#[derive(Debug, clap::Args)]
pub struct DeadLettersArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: DeadLettersAction,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersAction {
    /// Group dead letters by cause
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters groups")]
    Groups {
        /// Which.
        #[command(flatten)]
        filter: Filter,
    },
    /// List dead letters, newest first
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters list --class refused --tenant acme")]
    List {
        /// Which.
        #[command(flatten)]
        filter: Filter,
        /// Those that have been redriven, discarded or resolved, instead of the open ones
        #[arg(long = "settled")]
        concluded: bool,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one dead letter: what came, what went wrong, what to do
    #[command(after_help = "Examples:
  invoice-dispatcher dead-letters show 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11
  invoice-dispatcher dead-letters show 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --body")]
    Show {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Only the event, byte for byte as it came: `> FILE` keeps it, to be corrected and published again
        #[arg(long, conflicts_with = "json")]
        body: bool,
    },
    /// Send dead letters again, once their cause is fixed
    #[command(after_help = "Examples:
  invoice-dispatcher dead-letters redrive 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11
  invoice-dispatcher dead-letters redrive --class retries_exhausted --yes")]
    Redrive {
        /// Which.
        #[command(flatten)]
        selection: Selection,
        /// Send even if another delivery sends the same invoice, or may, or if it would fail again as far as can be
        /// seen
        #[arg(long)]
        anyway: bool,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Discard dead letters, so that they are not sent; `restore` undoes it
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters discard --group 5f2c9a01 --reason \"test data\"")]
    Discard {
        /// Which.
        #[command(flatten)]
        selection: Selection,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Undo a discard
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters restore 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    Restore {
        /// Their ids, or the first digits of each
        #[arg(value_name = "ID", required = true, value_parser = IdPrefix::parse)]
        ids: Vec<IdPrefix>,
        /// Restore even if another delivery sends the same invoice, or may
        #[arg(long)]
        anyway: bool,
    },
}

/// Which dead letters; all conditions hold together.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Only of this class, as `groups` names it
    #[arg(long, value_parser = spelled!(ReasonCode), hide_possible_values = true)]
    pub class: Option<ReasonCode>,
    /// Only of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only of this group, as `groups` names it
    #[arg(long)]
    pub group: Option<String>,
}

/// Which dead letters something is done to; at least one way to say it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Selection {
    /// Their ids, or the first digits of each
    #[arg(value_name = "ID", value_parser = IdPrefix::parse, conflicts_with_all = ["class", "tenant", "group", "all"])]
    pub ids: Vec<IdPrefix>,
    /// All of this class, as `groups` names it
    #[arg(long, value_parser = spelled!(ReasonCode), hide_possible_values = true)]
    pub class: Option<ReasonCode>,
    /// All of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// All of this group, as `groups` names it
    #[arg(long)]
    pub group: Option<String>,
    /// All dead letters
    #[arg(long, conflicts_with_all = ["class", "tenant", "group"])]
    pub all: bool,
}

/// Does what the command line says.
pub async fn run(args: DeadLettersArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let output = globals.output();
    match args.action {
        DeadLettersAction::Groups { filter } => groups(&app, output, &filter.wanted(false)).await,
        DeadLettersAction::List { filter, concluded, limit } => {
            list(&app, output, &filter.wanted(concluded), limit.limit).await
        }
        DeadLettersAction::Show { id, body: false } => show(&app, output, id.dead_letter(&app).await?).await,
        DeadLettersAction::Show { id, body: true } => {
            write_body(&app, &globals.who(), id.dead_letter(&app).await?).await
        }
        DeadLettersAction::Redrive { selection, anyway, yes } => {
            let Some(letters) = selection.confirmed(&app, output, "redrive", yes).await? else { return Ok(()) };
            let many = app.redrive.despite_newer(anyway).letters(&letters, &globals.who()).await?;
            let back = many.redriven.iter().map(Fated::back);
            let stays = many.failed.iter().map(|(letter, error)| Fated::stays(*letter, error.to_string()));
            print_result(
                output,
                &back.chain(stays).collect::<Vec<_>>(),
                "a running worker finds them within a second",
            )?;
            all_tried(many.interrupted)
        }
        DeadLettersAction::Discard { selection, why, yes } => {
            let Some(letters) = selection.confirmed(&app, output, "discard", yes).await? else { return Ok(()) };
            let (mut fates, who) = (Vec::new(), globals.who().in_one_act());
            let mut interrupted = None;
            for batch in letters.chunks(BATCH_MAX as usize) {
                match app.store.discard_dead_letters(batch, &who, &why.reason).await {
                    Ok(done) => fates.extend(fated(&app, batch, |letter| done.contains(&letter), "discarded").await?),
                    Err(error) => {
                        interrupted = Some(error);
                        break;
                    }
                }
            }
            if !fates.is_empty() {
                print_result(output, &fates, "`dead-letters restore ID` takes it back")?;
            }
            all_tried(interrupted)
        }
        DeadLettersAction::Restore { ids, anyway } => {
            let ids = named(&app, &ids).await?;
            let Restored { letters, newer } = app.store.restore_dead_letters(&ids, &globals.who(), anyway).await?;
            let (refused, others): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| newer.contains_key(id));
            let mut fates = fated(&app, &others, |letter| letters.contains(&letter), "open").await?;
            fates.extend(refused.into_iter().map(|id| Fated::stays(id, RedriveError::Newer(newer[&id]).to_string())));
            print_result(output, &fates, "`dead-letters redrive ID` sends")
        }
    }
}

/// An error if the database stopped answering before all were tried; what was done is listed by then.
fn all_tried(interrupted: Option<StoreError>) -> anyhow::Result<()> {
    match interrupted {
        None => Ok(()),
        Some(error) => {
            Err(anyhow::Error::new(error).context("not all were tried: run the command again for the others"))
        }
    }
}

impl Filter {
    fn wanted(self, concluded: bool) -> DeadLetterFilter {
        let Self { class, tenant, group } = self;
        DeadLetterFilter { concluded, class, tenant: tenant.map(TenantId::from), fingerprint: group, since: None }
    }
}

impl Selection {
    /// The letters, unless there are none, or more than one and the person at the keyboard says no.
    async fn confirmed(
        self,
        app: &App,
        output: Output,
        verb: &str,
        yes: bool,
    ) -> anyhow::Result<Option<Vec<DeadLetterId>>> {
        let Self { ids, class, tenant, group, all: _ } = self;
        let letters = if ids.is_empty() {
            let filter = Filter { class, tenant, group }.wanted(false);
            newest(app, &filter, u32::MAX).await?.0.iter().map(|letter| letter.id).collect()
        } else {
            named(app, &ids).await?
        };
        if letters.is_empty() {
            output.say("no open dead letter is like that: nothing was done")?;
            return Ok(None);
        }
        let what = format!("{verb} {}", count(letters.len(), "dead letter"));
        if yes || letters.len() == 1 || agrees(&what, "look at them with `dead-letters list`")? {
            return Ok(Some(letters));
        }
        output.say("nothing was done")?;
        Ok(None)
    }
}

/// The dead letters that the command line names, each once.
async fn named(app: &App, ids: &[IdPrefix]) -> anyhow::Result<Vec<DeadLetterId>> {
    let mut letters = Vec::with_capacity(ids.len());
    for id in ids {
        let letter = id.dead_letter(app).await?;
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    Ok(letters)
}

/// Up to `limit` letters, newest first, and whether there are more.
async fn newest(app: &App, filter: &DeadLetterFilter, limit: u32) -> anyhow::Result<(Vec<DeadLetter>, bool)> {
    let mut letters = Vec::new();
    let (mut left, mut after) = (limit, None);
    loop {
        let page = app
            .store
            .dead_letters(filter, &TenantScope::All, PageRequest { limit: left.min(BATCH_MAX), after })
            .await?;
        left -= u32::try_from(page.items.len()).expect("a page is no longer than its limit");
        letters.extend(page.items);
        match page.next {
            Some(next) if left > 0 => after = Some(next),
            next => return Ok((letters, next.is_some())),
        }
    }
}

async fn groups(app: &App, output: Output, filter: &DeadLetterFilter) -> anyhow::Result<()> {
    // A cause may be several tenants': of one tenant the letters themselves are counted.
    let groups = if filter.tenant.is_some() {
        grouped(newest(app, filter, u32::MAX).await?.0)
    } else {
        let mut groups = app.store.dead_letter_groups(&TenantScope::All, GROUPS_MAX).await?;
        groups.retain(|group| filter.class.is_none_or(|class| group.example.class == class));
        groups.retain(|group| filter.fingerprint.as_ref().is_none_or(|cause| group.example.fingerprint == *cause));
        groups
    };
    let now = app.store.now();
    let rows: Vec<GroupRow> = groups.into_iter().map(|group| GroupRow::of(group, now)).collect();
    output.rows(&rows, "no dead letters: everything that came was sent or is under way")?;
    if !rows.is_empty() {
        output.say("\n`dead-letters show ID` tells all; `dead-letters redrive --group GROUP` sends")?;
    }
    Ok(())
}

/// The groups of letters that come newest first, the most frequent first.
fn grouped(letters: Vec<DeadLetter>) -> Vec<DeadLetterGroup> {
    let mut groups: HashMap<String, DeadLetterGroup> = HashMap::new();
    for letter in letters {
        let (cause, at) = (letter.fingerprint.clone(), letter.last_failed_at);
        let group = groups.entry(cause).or_insert(DeadLetterGroup { count: 0, oldest: at, example: letter });
        group.count += 1;
        group.oldest = at;
    }
    let mut groups: Vec<DeadLetterGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.example.fingerprint.cmp(&b.example.fingerprint)));
    groups
}

async fn list(app: &App, output: Output, filter: &DeadLetterFilter, limit: u32) -> anyhow::Result<()> {
    let (letters, more) = newest(app, filter, limit).await?;
    let now = app.store.now();
    let rows: Vec<LetterRow> = letters.into_iter().map(|letter| LetterRow::of(letter, now)).collect();
    output.rows(&rows, "no dead letter is like that")?;
    if more {
        output.say("\nthere are more: raise --limit, or narrow by --class, --tenant or --group")?;
    }
    Ok(())
}

async fn show(app: &App, output: Output, id: DeadLetterId) -> anyhow::Result<()> {
    let (letter, bytes) = known(app, id).await?;
    let shown = ShownDeadLetter::of(letter, bytes, app.store.now());
    Ok(output.one(&shown, &shown.text(output))?)
}

/// Writes the event's bytes and nothing else.
async fn write_body(app: &App, who: &Actor, id: DeadLetterId) -> anyhow::Result<()> {
    let (letter, bytes) = known(app, id).await?;
    // What is forgotten of a letter that needs some bytes is none.
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        return Err(anyhow::anyhow!("the event of dead letter {id} has no bytes, or they have been deleted"))
            .what_to_do("ask the billing system for the event; `dead-letters show ID` tells its id");
    };
    let (tenant, customer) = (letter.tenant.as_ref(), letter.customer.as_ref());
    let entry = NewAuditEntry::new(AuditAction::EventViewed, who).about(id.to_string());
    app.store.audit(&NewAuditEntry { tenant, customer, ..entry }).await?;
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        // Unchecked bytes: a file gets them as they are, a terminal is not to be steered by them.
        out.write_all(dead_letter_views::visible(&bytes).as_bytes())?;
    } else {
        out.write_all(&bytes)?;
    }
    Ok(out.flush()?)
}

async fn known(app: &App, id: DeadLetterId) -> anyhow::Result<(DeadLetter, Option<Bytes>)> {
    match app.store.dead_letter(id, &TenantScope::All).await? {
        Some(known) => Ok(known),
        None => Err(anyhow::anyhow!("there is no dead letter {id}")).what_to_do("`dead-letters list` shows their ids"),
    }
}

/// What became of letters of which only some were `done`.
async fn fated(
    app: &App,
    letters: &[DeadLetterId],
    done: impl Fn(DeadLetterId) -> bool,
    result: &'static str,
) -> anyhow::Result<Vec<Fated>> {
    let mut fates = Vec::with_capacity(letters.len());
    for letter in letters.iter().copied() {
        if done(letter) {
            fates.push(Fated::done(letter, result));
            continue;
        }
        let reason = match app.store.dead_letter(letter, &TenantScope::All).await? {
            Some((found, _)) => format!("the dead letter is {} already", found.state),
            None => "there is no such dead letter".to_owned(),
        };
        fates.push(Fated::stays(letter, reason));
    }
    Ok(fates)
}

/// Says what became of each; of many only those that stay. It is an error if some do.
fn print_result(output: Output, fates: &[Fated], next: &str) -> anyhow::Result<()> {
    let stay: Vec<&Fated> = fates.iter().filter(|fate| fate.stays_as_before()).collect();
    if output.is_json() || fates.len() <= ROWS_MAX {
        output.rows(fates, "")?;
    } else if !stay.is_empty() {
        output.rows(&stay[..stay.len().min(ROWS_MAX)], "")?;
    }
    let done = fates.len() - stay.len();
    if done > 0 {
        output.say(&format!("\n{} done; {next}", count(done, "dead letter")))?;
    }
    match stay.len() {
        0 => Ok(()),
        number => Err(anyhow::anyhow!("{} of {} not changed", count(number, "dead letter"), fates.len()))
            .what_to_do("do what is said beside each; --json lists all"),
    }
}
